// What a week, a month, a year and any other range consist of, and what they are called.

import { locale, t } from './language.js';
import { dayAndTime, dayTime, longDay, when } from './words.js';
import { addDays, isDate, noon } from './zone.js';

const DAY_MS = 86400e3;
const MANY_DAYS = 62; // in a range of more, a bar is a month
const MOST_DAYS = 3660;
const ROLLING = { P7D: 7, P30D: 30, P12M: null };

// The first day of the month so many months on.
export function addMonths(date, months) {
  const [year, month] = date.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 10);
}

export const lengthOf = (first, end) => Math.round((noon(end) - noon(first)) / DAY_MS);
export const daysBetween = (first, end) => Array.from({ length: lengthOf(first, end) }, (_, n) => addDays(first, n));
export const named = (date, options) => when(noon(date), 'UTC', options);
export const yearOf = (date) => date.slice(0, 4);
const monthName = (date) => named(date, { month: 'long', year: 'numeric' });
const dayName = (day) => named(day, { weekday: 'short', day: 'numeric', month: 'short' });

// The days from one on and before another, in one phrase.
function spanName(first, end, month = 'long') {
  const options = { day: 'numeric', month, year: month === 'long' ? 'numeric' : undefined };
  const format = new Intl.DateTimeFormat(locale, { ...options, calendar: 'gregory', numberingSystem: 'latn', timeZone: 'UTC' });
  return format.formatRange(noon(first), noon(addDays(end, -1)));
}

// The same day a year before; of 29 February the day after it.
function yearBefore(date) {
  const [year, month, day] = date.split('-').map(Number);
  return new Date(Date.UTC(year - 1, month - 1, day)).toISOString().slice(0, 10);
}

export const monday = (date) => addDays(date, -((new Date(noon(date)).getUTCDay() + 6) % 7));

// The number of a week and its year, as ISO 8601 counts them: those of its Thursday.
export function weekNumber(date) {
  const thursday = addDays(monday(date), 3);
  return { n: String(1 + Math.floor(lengthOf(`${yearOf(thursday)}-01-01`, thursday) / 7)), year: yearOf(thursday) };
}

const DAYS = {
  bucket: '1d',
  bucketOf: (date) => date,
  label: (day) => named(day, { day: 'numeric' }),
  name: dayName,
  inner: 'day',
  head: t('head_day'),
  key: (row) => row.bucket.slice(0, 10),
  end: (day) => addDays(day, 1),
};
const MONTHS = {
  bucketOf: (date) => addMonths(date, 0),
  label: (month) => named(month, { month: 'narrow' }),
  name: monthName,
  inner: 'month',
  head: t('head_month'),
  key: (row) => `${row.bucket.slice(0, 7)}-01`,
  end: (month) => addMonths(month, 1),
};

// What a period consists of. dates(): the first day of each bucket; key(row), bucketOf(date): which of them it is;
// asks(first): what the API is asked for; shift(first, by): the beginning of what it is compared with, and back(by): how
// far that is, in days or months; by: 'previous' or 'year'; typed(first): its text in a field that can be typed into.
export const KINDS = {
  day: {
    ...DAYS,
    asks: (first) => ({ from: first, to: addDays(first, 1), bucket: '1d' }),
    start: (date) => date,
    move: addDays,
    shift: (first, by) => (by === 'year' ? yearBefore(first) : addDays(first, -1)),
    back: (by) => (by === 'year' ? { months: 12 } : { days: 1 }),
    until: (ms, zone, by) => (by === 'year' ? dayAndTime : dayTime)(ms, zone),
    title: (date) => longDay(noon(date), 'UTC'),
    short: (date, by) => (by === 'year' ? KINDS.day.title : dayName)(date),
    dates: (date) => [date],
    present: 'go_today',
  },
  week: {
    ...DAYS,
    asks: (first) => ({ frame: 'week', date: first }),
    start: monday,
    move: (date, weeks) => addDays(date, 7 * weeks),
    shift: (first, by) => addDays(first, by === 'year' ? -364 : -7),
    back: (by) => ({ days: by === 'year' ? 364 : 7 }),
    until: (ms, zone, by) => (by === 'year' ? dayAndTime : dayTime)(ms, zone),
    title: (date) => spanName(date, addDays(date, 7)),
    typed: (date) => t('week_n', weekNumber(date)),
    short: (date) => spanName(date, addDays(date, 7), 'short'),
    dates: (date) => daysBetween(date, addDays(date, 7)),
    label: (day) => named(day, { weekday: 'short' }),
    present: 'go_week',
  },
  month: {
    ...DAYS,
    asks: (first) => ({ frame: 'month', date: first }),
    start: (date) => `${date.slice(0, 7)}-01`,
    move: addMonths,
    shift: (first, by) => addMonths(first, by === 'year' ? -12 : -1),
    back: (by) => ({ months: by === 'year' ? 12 : 1 }),
    until: (ms, zone, by) => (by === 'year' ? dayAndTime : dayTime)(ms, zone),
    title: monthName,
    typed: monthName,
    short: (date, by) => named(date, { month: 'short', year: by === 'year' ? 'numeric' : undefined }),
    dates: (date) => daysBetween(date, addMonths(date, 1)),
    present: 'go_month',
  },
  year: {
    ...MONTHS,
    bucket: '1mo',
    asks: (first) => ({ frame: 'year', date: first }),
    start: (date) => `${yearOf(date)}-01-01`,
    move: (date, years) => addMonths(date, 12 * years),
    shift: (first) => addMonths(first, -12),
    back: () => ({ months: 12 }),
    until: (ms, zone) => dayAndTime(ms, zone),
    title: (date) => named(date, { year: 'numeric' }),
    typed: yearOf,
    short: (date) => named(date, { year: 'numeric' }),
    dates: (date) => Array.from({ length: 12 }, (_, n) => addMonths(date, n)),
    present: 'go_year',
  },
};

// The range that an address names by `from` and `to`, both of them days of it, or by `span`; else the last seven days.
export function rangeOf(query, today) {
  const [from, to, span] = ['from', 'to', 'span'].map((name) => query?.get(name));
  if (isDate(from) && isDate(to) && from <= to && lengthOf(from, to) < MOST_DAYS)
    return { from, end: addDays(to, 1), address: { from, to } };
  const rolling = span in ROLLING ? span : 'P7D';
  const end = addDays(today, 1);
  const first = rolling === 'P12M' ? addDays(yearBefore(today), 1) : addDays(end, -ROLLING[rolling]);
  return { from: first, end, address: { span: rolling }, rolling };
}

export const rollings = Object.keys(ROLLING);

// A kind of period for such a range.
export function kindOfRange({ from, end, rolling }) {
  const length = lengthOf(from, end);
  const isLong = length > MANY_DAYS;
  const months = (first, stop) => {
    const found = [];
    for (let month = KINDS.month.start(first); month < stop; month = addMonths(month, 1)) found.push(month);
    return found;
  };
  const stop = (first) => addDays(first, length);
  return {
    ...(isLong ? MONTHS : DAYS),
    bucket: '1d',
    bucketOf: (date) => date,
    asks: (first) => ({ from: first, to: stop(first), bucket: '1d' }),
    start: (today) => (today >= from && today < end ? from : today),
    move: (date, times) => addDays(date, times * length),
    shift: (first, by) => (by === 'year' ? yearBefore(first) : addDays(first, -length)),
    back: (by) => (by === 'year' ? { months: 12 } : { days: length }),
    until: (ms, zone) => dayAndTime(ms, zone),
    title: (date) => (rolling && date === from ? t(`last_${rolling}`) : spanName(date, stop(date))),
    short: (date) => spanName(date, stop(date), 'short'),
    dates: (first) => (isLong ? months(first, stop(first)) : daysBetween(first, stop(first))),
    isGrouped: isLong,
    present: 'go_today',
  };
}
