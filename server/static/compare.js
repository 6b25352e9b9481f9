// The period before, and of it as much as has gone by of the running one: like is compared with like.

import { serverNow } from './api.js';
import { barOf, rowOf, sinceBegun, sumOf } from './period_bars.js';
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

// What the period that begins on the date `first` is compared by: bars, their sum, and what they are called in
// short and in full. Null where nothing is known of it.
export async function before(context, kind, first) {
  const { firstDate, today, zone } = context;
  const end = kind.move(first, 1);
  if (firstDate === null || firstDate >= end) return null;
  const time = kind.start(today()) === end ? sameTime(serverNow(), zone, kind.months) : null;
  const isWhole = !time || time.date >= end;
  const { until, buckets } = isWhole
    ? await whole(context, kind, first)
    : await partOf(context, kind, first, time);
  const bars = buckets.map(({ series, isMissing, ...more }) =>
    barOf({ context, kind, row: rowOf(series, isMissing), ...more }),
  );
  const sum = sumOf(bars);
  if (!sum) return null;
  const since = firstDate > first ? named(firstDate, { day: 'numeric', month: 'short' }) : '';
  return {
    bars,
    sum,
    ...names({ kind, first, since, until: until && kind.until(until, zone), isAll: time }),
  };
}

function names({ kind: { short, title }, first, since, until, isAll }) {
  const begun = since && ` since ${since}`;
  if (until) {
    const span = since ? `${since} until ${until}` : `until ${until}`;
    return { name: span, words: `${title(first)}${since && ` since ${since},`} until ${until}` };
  }
  const all = isAll ? 'all of ' : '';
  return { name: `${all}${short(first)}${begun}`, words: `${all}${title(first)}${begun}` };
}

async function whole(context, kind, first) {
  const answer = await context.ask('/v1/series', { frame: kind.frame, date: first });
  const series = answer.series.map((row) => sinceBegun(row, kind, context));
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
    date: begun,
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
const isSomething = (row) => row.sample_count > 0 || row.pv_kwh !== null;
