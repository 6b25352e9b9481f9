// Where the power of one reading goes, in W: the same order as sungrow_flows() of the database.

const SOURCES = ['solar', 'battery', 'grid'];
const ORDER = [
  ['solar', 'battery'],
  ['solar', 'grid'],
  ['battery', 'grid'],
  ['grid', 'battery'],
  ['solar', 'house'],
  ['battery', 'house'],
  ['grid', 'house'],
];

// null where it cannot be told: the direction of the battery's power is not known.
export function flows({
  pv_power_w: pv,
  battery_power_w: battery,
  battery_soc_pct: soc,
  load_power_w: load,
  export_power_w: out,
}) {
  if (battery === null && soc !== null) return null;
  const source = { solar: pv, battery: -(battery ?? 0), grid: -out };
  const need = { house: load, battery: battery ?? 0, grid: out };
  for (const side of [source, need]) {
    for (const name of Object.keys(side)) side[name] = Math.max(side[name], 0);
  }
  const strongest = strongestOf(source);
  const flow = Object.fromEntries(ORDER.map(([from, to]) => [`${from}_to_${to}`, 0]));
  const give = (from, to, most = Infinity) => {
    const watts = Math.max(Math.min(source[from], need[to], most), 0);
    flow[`${from}_to_${to}`] += watts;
    source[from] -= watts;
    need[to] -= watts;
  };
  give('grid', 'battery', source.grid - need.house); // beyond the house's need, import charges
  for (const [from, to] of ORDER) give(from, to);
  flow[`${strongest}_to_house`] += need.house; // meters disagree a little
  return flow;
}

function strongestOf(source) {
  const most = Math.max(...Object.values(source));
  return most > 0 ? SOURCES.find((name) => source[name] === most) : 'grid';
}

const sum = (row, names) => names.reduce((total, name) => total + (row[name] ?? 0), 0);
const MINIMUM_KWH = 0.05;

function remainder(part, whole) {
  return whole < MINIMUM_KWH ? null : Math.min(1, Math.max(0, 1 - part / whole));
}

// The three shares of a bucket or of a sum of buckets.
function shares(row) {
  const house = sum(row, ['solar_to_house_kwh', 'battery_to_house_kwh', 'grid_to_house_kwh']);
  const solar = sum(row, ['solar_to_house_kwh', 'solar_to_battery_kwh', 'solar_to_grid_kwh']);
  const imported = sum(row, ['grid_to_house_kwh', 'grid_to_battery_kwh']);
  return {
    self_sufficiency: remainder(row.grid_to_house_kwh ?? 0, house),
    with_charging: remainder(imported, house + Math.max(row.loss_kwh ?? 0, 0)),
    self_consumption: remainder(row.solar_to_grid_kwh ?? 0, solar),
  };
}

export const KWH = [
  'pv_kwh',
  'load_kwh',
  'import_kwh',
  'export_kwh',
  'battery_charge_kwh',
  'battery_discharge_kwh',
  'solar_to_house_kwh',
  'solar_to_battery_kwh',
  'solar_to_grid_kwh',
  'battery_to_house_kwh',
  'battery_to_grid_kwh',
  'grid_to_house_kwh',
  'grid_to_battery_kwh',
  'loss_kwh',
];

// The sums of some buckets; null where none of them says anything.
export function total(rows) {
  const totals = {};
  for (const name of KWH) {
    const values = rows.map((row) => row[name]).filter((v) => v !== null && v !== undefined);
    totals[name] = values.length ? values.reduce((a, b) => a + b, 0) : null;
  }
  totals.estimated = rows.some((row) => row.estimated);
  return { ...totals, ...shares(totals) };
}
