// What a month and a year consist of, and what they are called.

import { dayAndTime, dayTime, when } from './words.js';
import { addDays, noon } from './zone.js';

const DAY_MS = 86400e3;

// The first day of the month so many months on.
export function addMonths(date, months) {
  const [year, month] = date.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 10);
}

export function daysBetween(first, end) {
  const days = Math.round((noon(end) - noon(first)) / DAY_MS);
  return Array.from({ length: days }, (_, n) => addDays(first, n));
}

export const named = (date, options) => when(noon(date), 'UTC', options);
export const yearOf = (date) => date.slice(0, 4);
const monthName = (date) => named(date, { month: 'long', year: 'numeric' });

// What a period consists of. dates(): the first day of each bucket; key(row), bucketOf(date): which of them it is.
export const KINDS = {
  month: {
    frame: 'month',
    months: 1,
    bucket: '1d',
    bucketOf: (date) => date,
    start: (date) => `${date.slice(0, 7)}-01`,
    move: addMonths,
    until: dayTime,
    title: monthName,
    short: (date) => named(date, { month: 'short' }),
    dates: (date) => daysBetween(date, addMonths(date, 1)),
    label: (day) => named(day, { day: 'numeric' }),
    name: (day) => named(day, { weekday: 'short', day: 'numeric', month: 'short' }),
    inner: 'day',
    head: 'Day',
    key: (row) => row.bucket.slice(0, 10),
    end: (day) => addDays(day, 1),
  },
  year: {
    frame: 'year',
    months: 12,
    bucket: '1mo',
    bucketOf: (date) => addMonths(date, 0),
    start: (date) => `${yearOf(date)}-01-01`,
    move: (date, years) => addMonths(date, 12 * years),
    until: dayAndTime,
    title: (date) => named(date, { year: 'numeric' }),
    short: (date) => named(date, { year: 'numeric' }),
    dates: (date) => Array.from({ length: 12 }, (_, n) => addMonths(date, n)),
    label: (month) => named(month, { month: 'narrow' }),
    name: monthName,
    inner: 'month',
    head: 'Month',
    key: (row) => `${row.bucket.slice(0, 7)}-01`,
    end: (month) => addMonths(month, 1),
  },
};
