// The buckets of a period, as its chart and its table show them: each with its row of figures, or without.

import { serverNow } from './api.js';
import { total } from './energy.js';
import { yearOf } from './period_kinds.js';
import { minuteOf, momentOf, noon } from './zone.js';

const DAY_MS = 86400e3;
const daysFrom = (date, end) => (noon(end) - noon(date)) / DAY_MS;

// kind: month or year, of period_kinds.js; days: how long it is, or is already, where that is not plain.
export function barOf({ context, kind, date, row = null, days }) {
  const { firstDate, link, zone } = context;
  const { label, name, inner, end } = kind;
  const today = context.today();
  const isOver = end(date) <= today;
  const gone = isOver
    ? daysFrom(date, end(date))
    : daysFrom(date, today) + minuteOf(serverNow(), zone) / 1440;
  return {
    date,
    label: label(date),
    name: name(date),
    row,
    days: days ?? gone,
    missing: !row && isOver && firstDate !== null && end(date) > firstDate,
    href: link({ view: inner, date }),
  };
}

// The figures of some buckets together; null where they have none. isMissing: some are lacking.
// isGrouped: they are days, all as long.
export function rowOf(series, isMissing = false, isGrouped = false) {
  if (!series.length) return null;
  if (series.length === 1) return { ...series[0], ...total(series, isMissing) };
  if (!isGrouped) return total(series, isMissing);
  const mean = (key) => series.reduce((sum, row) => sum + (row[key] ?? 0), 0) / series.length;
  return { coverage: mean('coverage'), grid_coverage: mean('grid_coverage'), ...total(series, isMissing) };
}

// Buckets of days as those of the months in which they are.
export function grouped(buckets) {
  const found = new Map();
  for (const { date, series, isMissing } of buckets) {
    const month = `${date.slice(0, 7)}-01`;
    const one = found.get(month) ?? { date: month, series: [], isMissing: false };
    found.set(month, { ...one, series: [...one.series, ...series], isMissing: one.isMissing || Boolean(isMissing) });
  }
  return [...found.values()];
}

// A bucket in which the device began, covered as the time since then is: for what is called "since".
export function sinceBegun(row, kind, { device, zone }) {
  const [begun, start] = [Date.parse(device.first_ts), Date.parse(row.bucket)];
  const end = Math.min(momentOf(kind.end(kind.key(row)), 0, zone), serverNow());
  if (!(start < begun && begun < end)) return row;
  const longer = (share) =>
    share === undefined ? share : Math.min(1, (share * (end - start)) / (end - begun));
  return { ...row, coverage: longer(row.coverage), grid_coverage: longer(row.grid_coverage) };
}

// The bars of whole years, of those of their months.
export function yearsOf(months, { link, p1 }) {
  const years = [...new Set(months.map(({ date }) => yearOf(date)))];
  return years.map((year) => {
    const own = months.filter(({ date }) => yearOf(date) === year);
    const sum = sumOf(own);
    const row = sum && p1 ? { ...sum, grid_source: p1.sourceOf(own.flatMap((bar) => bar.row ?? [])) } : sum;
    return {
      date: `${year}-01-01`,
      label: year,
      name: year,
      row,
      days: own.reduce((subtotal, { days }) => subtotal + days, 0),
      missing: !row,
      href: link({ view: 'year', date: `${year}-01-01` }),
    };
  });
}

// The sum of what some bars show, and how much of their time is covered; null where they show nothing.
export function sumOf(bars) {
  const known = bars.filter(({ row, missing }) => row || missing);
  const rows = known.map(({ row }) => row).filter(Boolean);
  if (!rows.length) return null;
  const days = known.reduce((sum, bar) => sum + bar.days, 0);
  const share = (key) => known.reduce((sum, { row, days: its }) => sum + (row?.[key] ?? 0) * its, 0) / days;
  return {
    ...total(rows, rows.length < known.length),
    coverage: share('coverage'),
    grid_coverage: rows[0].grid_coverage === undefined ? undefined : share('grid_coverage'),
  };
}
