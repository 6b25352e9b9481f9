// What someone typed for a day, a week, a month or a year, as a date in it: as dates are written here, as 2026-10-05,
// or with the name of the month.

import { locale, t } from './language.js';
import { monday } from './period_kinds.js';
import { addDays, isDate } from './zone.js';

const MONTHS = Array.from({ length: 12 }, (_, n) => Date.UTC(2026, n, 15));
const DAYS = Array.from({ length: 7 }, (_, n) => Date.UTC(2026, 10, 2 + n));
const LOCALES = [locale, 'en-GB'];
const bare = (text) => text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '');
const plain = (text) => bare(text).replaceAll('.', '');
const pad = (number, length = 2) => String(number).padStart(length, '0');

// Names of months or weekdays, long and short, each with its number.
function namesOf(moments, option) {
  return LOCALES.flatMap((tag) =>
    ['long', 'short'].flatMap((length) => {
      const format = new Intl.DateTimeFormat(tag, { [option]: length, calendar: 'gregory', timeZone: 'UTC' });
      return moments.map((ms, number) => ({ name: plain(format.format(ms)), number }));
    }),
  );
}

// The one of them that begins so; null where it is none, or might be several.
function among(word, moments, option) {
  if (word.length < 3) return null;
  const found = new Set(
    namesOf(moments, option).filter(({ name }) => name.startsWith(word)).map(({ number }) => number),
  );
  return found.size === 1 ? [...found][0] : null;
}

// Whether the day comes before the month where people write both as numbers.
function isDayFirst() {
  const types = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'numeric', calendar: 'gregory' })
    .formatToParts(0)
    .map(({ type }) => type);
  return types.indexOf('day') < types.indexOf('month');
}

const fullYear = (number) => (number < 100 ? 2000 + number : number);
const isYear = (text) => text.length === 4 || Number(text) > 31;

// kind: day, week, month or year; shown: the date of what is on the screen, of which is taken what was not typed. Null
// where it cannot be told.
export function typedDate(text, kind, shown, today) {
  const clean = bare(text.trim());
  const days = relative(clean);
  if (days !== null) return addDays(today, days);
  const week = /^(\d{4})-?w(\d{1,2})$/.exec(clean);
  if (week) return weekOf(Number(week[1]), Number(week[2]));
  const tokens = clean.match(/\d+|[^\d\s.,/'’-]+/g) ?? [];
  const numbers = tokens.filter((token) => /^\d/.test(token));
  const words = tokens.filter((token) => !/^\d/.test(token));
  const isWeek = words.some((word) => WEEK.includes(word));
  const months = words.map((word) => among(word, MONTHS, 'month')).filter((number) => number !== null);
  const others = words.filter((word) => among(word, MONTHS, 'month') === null && !isFiller(word));
  if (others.length || months.length > 1) return null;
  const [year, month, day] = shown.split('-').map(Number);
  const here = { year, month, day };
  if (isWeek || (kind === 'week' && !months.length && numbers.length < 3)) return typedWeek(numbers, here);
  return dated(months.length ? withName(months[0] + 1, numbers, here) : ofNumbers(numbers, kind, here));
}

const WEEK = ['w', 'wk', 'week', plain(t('week_word'))];
const isFiller = (word) => WEEK.includes(word) || ['st', 'nd', 'rd', 'th', 'de', 'er'].includes(word) || among(word, DAYS, 'weekday') !== null;

function relative(text) {
  for (const tag of LOCALES) {
    const format = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
    for (const days of [0, -1]) if (text && plain(format.format(days, 'day')) === text) return days;
  }
  return null;
}

function typedWeek(numbers, { year }) {
  if (!numbers.length || numbers.length > 2) return null;
  const its = numbers.find((number) => number.length === 4);
  const [week] = numbers.filter((number) => number !== its);
  if (week === undefined) return weekOf(Number(its), 1);
  return weekOf(its ? Number(its) : fullYear(Number(numbers[1] ?? year)), Number(week));
}

// The Monday of a week as ISO 8601 counts them; null where that year has none of this number.
function weekOf(year, week) {
  const first = monday(`${pad(year, 4)}-01-04`);
  const found = addDays(first, 7 * (week - 1));
  return week >= 1 && found < monday(`${pad(year + 1, 4)}-01-04`) ? found : null;
}

function withName(month, numbers, { year, day }) {
  if (numbers.length > 2) return null;
  const its = numbers.find(isYear) ?? numbers[1];
  const [typed] = numbers.filter((number) => number !== its);
  return { year: its ? fullYear(Number(its)) : year, month, day: typed ? Number(typed) : day, isDay: Boolean(typed) };
}

function ofNumbers(numbers, kind, { year, month, day }) {
  const [a, b, c] = numbers.map(Number);
  if (numbers.length === 1 && numbers[0].length === 8) return ofEight(numbers[0]);
  if (numbers.length === 1) {
    if (numbers[0].length === 4 || kind === 'year') return { year: fullYear(a), month, day };
    return kind === 'month' ? { year, month: a, day } : { year, month, day: a, isDay: true };
  }
  if (numbers.length === 2) {
    if (isYear(numbers[0])) return { year: fullYear(a), month: b, day };
    if (isYear(numbers[1]) || kind !== 'day') return { year: fullYear(b), month: a, day };
    return isDayFirst() ? { year, month: b, day: a, isDay: true } : { year, month: a, day: b, isDay: true };
  }
  if (numbers.length !== 3) return null;
  if (isYear(numbers[0])) return { year: fullYear(a), month: b, day: c, isDay: true };
  return isDayFirst()
    ? { year: fullYear(c), month: b, day: a, isDay: true }
    : { year: fullYear(c), month: a, day: b, isDay: true };
}

function ofEight(text) {
  if (/^(19|20)\d\d/.test(text) && Number(text.slice(4, 6)) <= 12) {
    return { year: Number(text.slice(0, 4)), month: Number(text.slice(4, 6)), day: Number(text.slice(6)), isDay: true };
  }
  const [a, b] = [Number(text.slice(0, 2)), Number(text.slice(2, 4))];
  const [day, month] = isDayFirst() ? [a, b] : [b, a];
  return { year: Number(text.slice(4)), month, day, isDay: true };
}

// A day that was typed has to exist; one that was not is the last of its month at most.
function dated(found) {
  if (!found || !(found.month >= 1 && found.month <= 12)) return null;
  const { year, month, day, isDay } = found;
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const date = `${pad(year, 4)}-${pad(month)}-${pad(isDay ? day : Math.min(day, last))}`;
  return isDate(date) ? date : null;
}
