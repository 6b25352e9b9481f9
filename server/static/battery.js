// Whether a house has a battery: where it has none, nothing of one is shown.

const SAYS = ['battery_power_w', 'battery_soc_pct', 'avg_battery_power_w', 'avg_battery_soc_pct', 'battery_charge_kwh'];

// Whether a reading or a bucket tells anything at all. Of curves the count of readings is not asked for.
const tells = (row) => row && (row.sample_count ?? 1) > 0 && Object.values(row).some((value) => typeof value === 'number');

// device: as /v1/devices has it; rows: the readings and buckets that are known.
export function hasBattery({ has_battery: told }, rows = []) {
  if (typeof told === 'boolean') return told;
  const known = rows.filter(tells);
  return !known.length || known.some((row) => SAYS.some((key) => typeof row[key] === 'number'));
}
