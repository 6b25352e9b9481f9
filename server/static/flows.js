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

// null where it cannot be told: the direction of the battery's power is not known, or what only a meter can tell.
export function flows({
  pv_power_w: pv,
  battery_power_w: battery,
  battery_soc_pct: soc,
  load_power_w: load,
  export_power_w: out,
}) {
  if ((battery === null && soc !== null) || load === null || out === null) return null;
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
