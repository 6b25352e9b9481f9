// The points of a day's curve: a bucket or a reading as it is drawn and written.

import { percent, power, signedPower } from './words.js';

// The one direction of a power, null where it is not known.
const one = (watts, sign) => (watts === null ? null : Math.max(sign * watts, 0));

export function pointOf(bucket) {
  const battery = bucket.avg_battery_power_w ?? 0;
  const [house, out] = [bucket.avg_load_power_w ?? null, bucket.avg_export_power_w ?? null];
  return {
    at: Date.parse(bucket.bucket),
    grid_source: bucket.grid_source,
    solar: bucket.avg_pv_power_w,
    least: bucket.min_pv_power_w ?? null,
    most: bucket.max_pv_power_w ?? null,
    battery_out: Math.max(-battery, 0),
    grid: out,
    import: one(out, -1),
    house,
    use: one(house, 1),
    fed_in: one(house, -1), // by another generator behind the same meter
    battery_in: Math.max(battery, 0),
    export: one(out, 1),
    charge_level: bucket.avg_battery_soc_pct ?? null,
    battery_known: (bucket.avg_battery_power_w ?? null) !== null,
  };
}

// A reading in the shape of a bucket.
export const asBucket = (reading) => ({
  bucket: reading.ts,
  grid_source: reading.grid_source,
  avg_pv_power_w: reading.pv_power_w,
  avg_battery_power_w: reading.battery_power_w,
  avg_battery_soc_pct: reading.battery_soc_pct,
  avg_load_power_w: reading.load_power_w,
  avg_export_power_w: reading.export_power_w,
});

export function texts(p) {
  const battery = (watts) => power(p.battery_known ? watts : null);
  return {
    solar: power(p.solar),
    clear: p.clear === undefined ? '' : power(p.clear),
    battery_out: battery(p.battery_out),
    import: power(p.import),
    house: signedPower(p.house),
    battery_in: battery(p.battery_in),
    export: power(p.export),
    charge_level: percent(p.charge_level),
  };
}

// Stretches of points that no gap interrupts. The step of each point ends at `until`: where the next one begins, or a
// gap, or now.
export function runsOf(points, gaps, stepMs, now) {
  const runs = [];
  let before = null;
  for (const point of points) {
    const p = { ...point };
    const gap = before && gaps.find((g) => g.start < p.at && g.end > before.at + stepMs);
    if (!before || gap) runs.push([]);
    if (before) before.until = gap ? Math.max(Math.min(gap.start, p.at), before.at) : p.at;
    runs[runs.length - 1].push(p);
    before = p;
  }
  if (before) {
    // One that runs may have begun within the step, which is not over yet.
    const gap = gaps.find((g) => g.start >= before.at && g.end >= Math.min(before.at + stepMs, now));
    before.until = Math.max(before.at, Math.min(gap ? gap.start : Infinity, now, dayEnd(points, stepMs, gap)));
  }
  return runs;
}

// Where nothing says what follows the last point, it stands for its step.
function dayEnd(points, stepMs, gap) {
  const last = points[points.length - 1];
  const usual = points.length > 1 ? last.at - points[points.length - 2].at : stepMs;
  return gap ? Infinity : last.at + Math.max(stepMs, usual);
}

// The parts of runs that are so, each whole.
export function split(runs, isSo) {
  return runs.flatMap((run) => {
    const parts = [[]];
    for (const p of run) {
      if (isSo(p)) parts[parts.length - 1].push(p);
      else if (parts[parts.length - 1].length) parts.push([]);
    }
    return parts.filter((part) => part.length);
  });
}

// Those in which a value is known: what was not measured is not drawn.
export const knownIn = (runs, key) => split(runs, (p) => p[key] !== null && p[key] !== undefined);
