// A day of the strings: what each brought, and its curve beside what is usual and what a clear sky would give.

import { serverNow } from './api.js';
import { t } from './language.js';
import { addDays, inMs } from './zone.js';

const STEP_MS = 300e3;
const DARK_MS = 3600e3; // so long without sun, the day of the panels is over
const LACKS = { share: 1.05, kwh: 0.1 }; // by so much more the counter saw what the strings did not
const GRID = ['bucket', 'sample_count', 'avg_grid_voltage_v'];
const COUNTER = ['bucket', 'pv_kwh'];
const known = (value) => value ?? null;
export const keyOf = (string) => `string_${string}`;

// What a day is made of, asked for each by itself, so that a minute has one request in five seconds.
const rangeOf = (date) => ({ from: date, to: addDays(date, 1) });
export const PARTS = {
  strings: async ({ ask }, date) => {
    const [answer, { gaps }] = await Promise.all([ask('/v1/strings', { ...rangeOf(date), bucket: '5m' }), ask('/v1/gaps', rangeOf(date))]);
    const [start, end] = [answer.from, answer.to].map((text) => Date.parse(text));
    return { strings: answer.strings, gaps: gaps.map(inMs), start, end };
  },
  grid: async ({ ask }, date) => {
    const { series } = await ask('/v1/series', { ...rangeOf(date), bucket: '5m', fields: 'grid', columns: GRID.join() });
    return { grid: series };
  },
  counter: async ({ ask }, date) => {
    const { series } = await ask('/v1/series', { ...rangeOf(date), bucket: '1d', columns: COUNTER.join() });
    return { counter: known(series[0]?.pv_kwh) };
  },
  expected: async ({ ask }, date) => {
    const { series } = await ask('/v1/roof/day', { date });
    return { expected: series };
  },
};

// found: what PARTS brought so far. Return {start, end, now, zone, points: [{at, string_N, usual_N, clear_N, limited_N, mains}],
// gaps, strings: [{string, name, kwh, half}], all: kWh, counter: kWh of the day or null, isPart: more was brought than the
// strings tell, isExpected, litMs}.
export function wholeDay({ strings, grid = [], counter = null, expected = [], ...more }, zone) {
  const day = dayOf({ strings, grid, expected });
  const isPart = day.strings.length > 0 && counter !== null && counter > day.all * LACKS.share + LACKS.kwh;
  if (isPart) for (const one of day.strings) one.half = null;
  return { ...more, ...day, now: serverNow(), zone, stepMs: STEP_MS, counter, isPart };
}

// The answers put together, bucket by bucket. Pure.
export function dayOf({ strings, grid, expected }) {
  const seen = strings.filter(({ series }) => series.some((row) => typeof row.avg_power_w === 'number'));
  const numbers = seen.map(({ string }) => string);
  const points = new Map();
  const at = (bucket) => {
    const ms = Date.parse(bucket);
    if (!points.has(ms)) points.set(ms, { at: ms, mains: null, ...emptyOf(numbers) });
    return points.get(ms);
  };
  for (const row of grid) if (row.sample_count > 0) at(row.bucket).mains = known(row.avg_grid_voltage_v);
  for (const { string, series } of seen)
    for (const row of series) if (row.sample_count > 0) at(row.bucket)[keyOf(string)] = known(row.avg_power_w);
  for (const { bucket, string, clear_sky_w: clear, usual_w: usual, limited } of expected) {
    if (!numbers.includes(string)) continue;
    Object.assign(at(bucket), { [`clear_${string}`]: known(clear), [`usual_${string}`]: known(usual), [`limited_${string}`]: known(limited) });
  }
  const all = [...points.values()].sort((a, b) => a.at - b.at);
  const isExpected = expected.some(({ clear_sky_w: clear, usual_w: usual }) => known(clear) !== null || known(usual) !== null);
  return { points: all, isExpected, ...sums(seen, all, numbers) };
}

const emptyOf = (numbers) =>
  Object.fromEntries(numbers.flatMap((n) => [keyOf(n), `clear_${n}`, `usual_${n}`, `limited_${n}`].map((key) => [key, null])));

function sums(seen, points, numbers) {
  const lit = points.filter((p) => numbers.some((n) => p[keyOf(n)] > 0));
  const read = points.filter((p) => numbers.some((n) => p[keyOf(n)] !== null));
  const isOver = lit.length > 0 && read[read.length - 1].at - lit[lit.length - 1].at > DARK_MS;
  const strings = seen.map(({ string, name, series }) => {
    const rows = series.filter((row) => typeof row.kwh === 'number');
    const kwh = rows.reduce((sum, row) => sum + row.kwh, 0);
    return { string, name, kwh, half: isOver ? halfOf(rows, kwh) : null };
  });
  return { strings, all: strings.reduce((sum, { kwh }) => sum + kwh, 0), litMs: lit.length * STEP_MS };
}

// When half of it had come, in ms.
function halfOf(rows, kwh) {
  let sum = 0;
  const row = rows.find((one) => (sum += one.kwh) >= kwh / 2 - 1e-9);
  return row && kwh > 0 ? Date.parse(row.bucket) + STEP_MS : null;
}

// What may be said of the mains: {least, most, isWithin}; null where it was not read, isWithin null where the allowed
// band of 230 V is not that of this house.
export const ALLOWED_V = { least: 207, most: 253 }; // EN 50160: 230 V by a tenth
export function mainsOf(points) {
  const values = points.map(({ mains }) => mains).filter((value) => value !== null);
  if (!values.length) return null;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const isOf230 = mean > 190 && mean < 270;
  return { least, most, isWithin: isOf230 ? least >= ALLOWED_V.least && most <= ALLOWED_V.most : null };
}

// What is said below the curve, where the counter knows of more than the strings.
export const partWords = ({ isPart, all, counter }, write) =>
  isPart ? t('roof_is_part', { seen: write(all), all: write(counter) }) : '';
