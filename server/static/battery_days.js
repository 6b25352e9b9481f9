// Thirty days of the battery: how empty and how full it became, and its energy in and out.

import { battery, inAndOut } from './battery_today.js';
import { t } from './language.js';
import { named } from './period_kinds.js';
import { energy, percent } from './words.js';
import { addDays, dateOf } from './zone.js';

const DAY_MS = 86400e3;
const DAYS = 30;
const FULL_PCT = 99;
const COLUMNS = [
  'bucket',
  'sample_count',
  'min_battery_soc_pct',
  'max_battery_soc_pct',
  'battery_charge_kwh',
  'battery_discharge_kwh',
];
const DAY = { weekday: 'short', day: 'numeric', month: 'short' };
export const dayOf = (ms, zone) => named(dateOf(ms, zone), DAY);

export class BatteryDays {
  #context;
  band = battery(
    'charge_of_days',
    [{ key: 'band', name: t('least_to_most'), colour: 'soc', type: 'band', low: 'low', high: 'high' }],
    '%',
    percent,
    { nameOf: dayOf, most: 100 },
  );
  energy = battery('battery_energy_of_days', inAndOut(), 'kWh', (kwh) => energy(kwh === null ? null : Math.abs(kwh)), {
    nameOf: dayOf,
  });
  charts = [this.band, this.energy];

  constructor(context) {
    this.#context = context;
  }

  // Return what tiles say of these days: {title, charged, discharged, lowest: {pct, ms}, fullMs}; null where unknown.
  async load() {
    const { ask, today, zone } = this.#context;
    const range = { from: addDays(today(), 1 - DAYS), to: addDays(today(), 1) };
    const answer = await ask('/v1/series', { ...range, bucket: '1d', columns: COLUMNS.join(',') });
    const days = answer.series.filter((row) => row.sample_count > 0);
    const points = days.map((row) => ({
      at: Date.parse(row.bucket),
      low: row.min_battery_soc_pct ?? null,
      high: row.max_battery_soc_pct ?? null,
      charge: row.battery_charge_kwh ?? null,
      discharge: row.battery_discharge_kwh === null ? null : -row.battery_discharge_kwh,
    }));
    const [start, end] = [Date.parse(answer.from), Date.parse(answer.to)];
    const title = t('last_n_days', { n: DAYS });
    const shown = { start, end, now: end, zone, stepMs: DAY_MS, points, gaps: without(points, start), title };
    for (const chart of this.charts) chart.show(shown);
    return { title, ...summary(days) };
  }
}

function summary(days) {
  const sum = (key) => (days.length ? days.reduce((all, row) => all + (row[key] ?? 0), 0) : null);
  const known = days.filter(({ min_battery_soc_pct: pct }) => typeof pct === 'number');
  const least = known.reduce((a, b) => (a && a.min_battery_soc_pct <= b.min_battery_soc_pct ? a : b), null);
  const full = [...days].reverse().find((row) => row.max_battery_soc_pct >= FULL_PCT);
  return {
    charged: sum('battery_charge_kwh'),
    discharged: sum('battery_discharge_kwh'),
    lowest: least && { pct: least.min_battery_soc_pct, ms: Date.parse(least.bucket) },
    fullMs: full ? Date.parse(full.bucket) : null,
  };
}

// Days of which nothing is known.
function without(points, start) {
  const first = points[0]?.at ?? start;
  return points
    .slice(1)
    .map(({ at }, n) => ({ start: points[n].at + DAY_MS, end: at }))
    .filter((gap) => gap.end - gap.start > DAY_MS / 2)
    .concat(first > start + DAY_MS / 2 ? [{ start, end: first }] : []);
}
