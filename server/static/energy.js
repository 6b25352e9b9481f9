// What a bucket of /v1/series says, and a sum of buckets: the parts of its energies, its shares, and which of
// its figures hold only a part of the time.

const MINIMUM_KWH = 0.05; // below it a share says nothing, as in server/series.py
export const WHOLE = 0.98; // with less coverage than this a figure is a part

const ENERGIES = [
  'pv_kwh',
  'load_kwh',
  'import_kwh',
  'export_kwh',
  'battery_charge_kwh',
  'battery_discharge_kwh',
];
export const AT_THE_METER = ['load_kwh', 'import_kwh', 'export_kwh'];
const VOLUMES = ['gas_m3', 'water_m3']; // by the counters of a P1 meter alone
const SUMMED = [
  ...ENERGIES,
  ...VOLUMES,
  'solar_to_house_kwh',
  'solar_to_battery_kwh',
  'solar_to_grid_kwh',
  'battery_to_house_kwh',
  'battery_to_grid_kwh',
  'grid_to_house_kwh',
  'grid_to_battery_kwh',
  'grid_to_inverter_kwh',
  'untraced_import_kwh',
  'untraced_load_kwh',
  'fed_in_kwh',
  'loss_kwh',
];

const isKnown = (value) => value !== null && value !== undefined;
const sum = (row, names) => names.reduce((subtotal, name) => subtotal + (row[name] ?? 0), 0);
const house = (row) => sum(row, ['solar_to_house_kwh', 'battery_to_house_kwh', 'grid_to_house_kwh']);

// What the API leaves to be taken from each other, so that import = house + battery + inverter + untraced, and
// use = solar + battery + grid + untraced - fed in, by another generator behind the same meter. Untraced is what
// counters say beyond the readings, or less than they.
function rests(row) {
  const measured = row.import_integral_kwh;
  const told = sum(row, ['grid_to_house_kwh', 'grid_to_battery_kwh']);
  // Readings whose battery's direction is not known have no flows: then nobody knows what fed the inverter.
  const beyond = (row.load_integral_kwh ?? house(row)) - house(row);
  const hasAll = isKnown(row.grid_to_house_kwh) && beyond < 0.005 + 0.005 * house(row);
  const fedIn = hasAll ? Math.max(-beyond, 0) : 0;
  const inverter = hasAll && isKnown(measured) ? Math.max(measured - told, 0) : null;
  return {
    grid_to_inverter_kwh: inverter,
    untraced_import_kwh: isKnown(row.import_kwh) ? row.import_kwh - told - (inverter ?? 0) : null,
    untraced_load_kwh: isKnown(row.load_kwh) ? row.load_kwh - house(row) + fedIn : null,
    fed_in_kwh: fedIn,
  };
}

function remainder(part, whole) {
  return whole < MINIMUM_KWH ? null : Math.min(1, Math.max(0, 1 - part / whole));
}

// Two of them are those of the API. The third counts the import that charged the battery or fed the inverter,
// too, so it is never above the first; without such charging it would say nothing of its own.
function shares(row) {
  const solar = sum(row, ['solar_to_house_kwh', 'solar_to_battery_kwh', 'solar_to_grid_kwh']);
  const imported = sum(row, ['grid_to_house_kwh', 'grid_to_battery_kwh', 'grid_to_inverter_kwh']);
  const charged = (row.grid_to_battery_kwh ?? 0) > MINIMUM_KWH;
  return {
    self_sufficiency: remainder(row.grid_to_house_kwh ?? 0, house(row)),
    with_charging: charged ? remainder(imported, house(row) + (row.grid_to_inverter_kwh ?? 0)) : null,
    self_consumption: remainder(row.solar_to_grid_kwh ?? 0, solar),
  };
}

// The energies of a bucket that were measured for a part of the time, while no counter shows the rest.
function partsOf(row) {
  const covered = row.coverage ?? 1;
  return ENERGIES.filter((name) => {
    const [kwh, counted] = [row[name], row[name.replace('_kwh', '_counter_kwh')]];
    if (row.wholes?.includes(name)) return false; // as grid_source.js found
    const measured = AT_THE_METER.includes(name) ? (row.grid_coverage ?? covered) : covered;
    if (!isKnown(kwh) || measured >= WHOLE || kwh < 0) return false; // of a sum of both signs nothing is the least
    // Counters bridge the times without readings; a time with readings, but without a meter, they do not.
    const isCounted = isKnown(counted) && Math.abs(kwh - counted) < 1e-9;
    return !isCounted || measured < WHOLE * covered;
  });
}

// A whole bucket that is called estimated for its meter alone has figures of the meter that are parts, no estimates.
const isEstimated = (row) =>
  Boolean(row.estimated) && !(row.coverage >= WHOLE && row.grid_coverage < 0.9 * row.coverage);

const leaf = (row) => ({ ...row, ...rests(row), estimated: isEstimated(row), parts: partsOf(row) });

// One bucket, or the sum of some; null where none of them says anything. Figures in `parts` are at least that
// much: of one bucket they are a part, or one bucket lacks them. isMissing: buckets are lacking altogether.
export function total(rows, isMissing = false) {
  const found = rows.map((row) => (row.parts ? row : leaf(row)));
  const totals = {};
  for (const name of SUMMED) {
    const values = found.map((row) => row[name]).filter(isKnown);
    totals[name] = values.length ? values.reduce((a, b) => a + b, 0) : null;
  }
  totals.estimated = found.some((row) => row.estimated);
  totals.parts = [...ENERGIES, ...VOLUMES].filter(
    (name) =>
      totals[name] !== null &&
      (isMissing ||
        found.some((row) => [...row.parts, ...(row.leasts ?? [])].includes(name) || !isKnown(row[name]))),
  );
  totals.lacksFlows = totals.parts.includes('load_kwh') || found.some((row) => row.lacksFlows);
  return { ...totals, ...shares(totals) };
}
