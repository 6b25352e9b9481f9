// The period before, or the same of the year before, and of it as much as has gone by of the running one: like is
// compared with like.

import { serverNow } from './api.js';
import { t } from './language.js';
import { barOf, grouped, rowOf, sinceBegun, sumOf } from './period_bars.js';
import { addMonths, named } from './period_kinds.js';
import { addDays, dateOf, minuteOf, momentOf } from './zone.js';

const HOUR_MS = 3600e3;
const DAY_MS = 86400e3;

// As far into the month or the year before as now is into this one: {date, minute}. Of a month that has no such
// day, it is its end: the midnight after it.
export function sameTime(now, zone, months) {
  const today = dateOf(now, zone);
  const first = addMonths(today, -months);
  const date = addDays(first, Number(today.slice(8)) - 1);
  return date.slice(0, 7) === first.slice(0, 7)
    ? { date, minute: minuteOf(now, zone) }
    : { date: addMonths(first, 1), minute: 0 };
}

// The same for what goes by days: weeks, and ranges.
const sameTimeOfDay = (now, zone, days) => ({ date: addDays(dateOf(now, zone), -days), minute: minuteOf(now, zone) });

// What the period that begins on `date` is compared by: bars, their sum, and what they are called in short and in
// full; isCut: the house began within it, so that it is shorter. Null where nothing is known of it. by: 'previous' or 'year'.
export async function before(context, kind, date, by = 'previous') {
  const { firstDate, today, zone } = context;
  const first = kind.shift(date, by);
  const end = kind.move(first, 1);
  if (firstDate === null || firstDate >= end) return null;
  const { days, months } = kind.back(by);
  const same = () => (months ? sameTime(serverNow(), zone, months) : sameTimeOfDay(serverNow(), zone, days));
  const time = kind.start(today()) === date ? same() : null;
  const isWhole = !time || time.date >= end;
  const found = isWhole ? await whole(context, kind, first) : await partOf(context, kind, first, time);
  const buckets = kind.isGrouped ? grouped(found.buckets) : found.buckets;
  const bars = buckets.map(({ series, isMissing, ...more }) =>
    barOf({ context, kind, row: rowOf(series, isMissing, kind.isGrouped), ...more }),
  );
  const sum = sumOf(bars);
  if (!sum) return null;
  const since = firstDate > first ? named(firstDate, { day: 'numeric', month: 'short' }) : '';
  const until = found.until && kind.until(found.until, zone, by);
  return { bars, sum, isCut: Boolean(since), ...names({ kind, first, since, until, isAll: time, by }) };
}

function names({ kind: { short, title }, first, since, until, isAll, by }) {
  const begun = since && ` ${t('since', { day: since })}`;
  if (until) {
    const name = since ? t('since_until', { day: since, time: until }) : t('until', { time: until });
    const words = since ? t('words_since_until', { period: title(first), day: since, time: until }) : t('words_until', { period: title(first), time: until });
    return { name, words };
  }
  const all = (period) => (isAll ? t('all_of', { period }) : period);
  return { name: `${all(short(first, by))}${begun}`, words: `${all(title(first))}${begun}` };
}

async function whole(context, kind, first) {
  const answer = await context.ask('/v1/series', kind.asks(first));
  const series = answer.series.filter(isSomething).map((row) => sinceBegun(row, kind, context));
  const dates = kind.dates(first);
  return { buckets: dates.map((date) => ({ date, series: series.filter((row) => kind.key(row) === date) })) };
}

// Whole buckets, and then days, hours and five minutes.
async function partOf(context, kind, first, { date, minute }) {
  const { ask, device, zone } = context;
  const { key, bucket, bucketOf } = kind;
  const cut = momentOf(date, minute, zone);
  const begun = bucketOf(date);
  const series = (from, to, width) => ask('/v1/series', { from, to, bucket: width });
  const some = async (from, to, width) => (from < to ? (await series(from, to, width)).series : []);
  const iso = (ms) => new Date(ms).toISOString();
  const [buckets, days, hours, minutes] = await Promise.all([
    some(first, begun, bucket),
    some(begun, date, '1d'),
    series(date, iso(cut), '1h'),
    series(iso(cut - HOUR_MS), iso(cut), '5m'),
  ]);
  const isLater = (row) => Date.parse(row.bucket) >= Date.parse(hours.to);
  const rest = [...days, ...hours.series, ...minutes.series.filter(isLater)];
  const [start, until] = [momentOf(begun, 0, zone), Date.parse(minutes.to)];
  const part = {
    date: kind.isGrouped ? `${begun.slice(0, 7)}-01` : begun,
    series: rest.filter(isSomething),
    isMissing: [...days, ...hours.series].some(
      (row) => !isSomething(row) && Date.parse(row.bucket) > Date.parse(device.first_ts),
    ),
    days: (until - start) / DAY_MS,
  };
  return {
    until,
    buckets: [
      ...buckets.map((row) => ({
        date: key(row),
        series: [sinceBegun(row, kind, context)].filter(isSomething),
      })),
      ...(until > start ? [part] : []),
    ],
  };
}

// An answer for a range has every bucket of it.
export const isSomething = (row) =>
  row.sample_count > 0 || [row.pv_kwh, row.import_kwh, row.export_kwh].some((kwh) => typeof kwh === 'number');
