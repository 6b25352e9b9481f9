// Numbers, times and causes as people read them, in the language of the page's words. Nothing known is a dash.

import { locale, t } from './language.js';
import { isDoubled, offsetName, offsetOf } from './zone.js';

export const NONE = '–';
// Whatever the language: a year is the one that addresses, CSV and API name, in the same digits.
const CALENDAR = { calendar: 'gregory', numberingSystem: 'latn' };
const digits = new Map();
const dates = new Map();

function number(value, places) {
  if (!digits.has(places)) {
    digits.set(
      places,
      new Intl.NumberFormat(locale, {
        numberingSystem: CALENDAR.numberingSystem,
        minimumFractionDigits: places,
        maximumFractionDigits: places,
      }),
    );
  }
  const text = digits.get(places).format(Object.is(Math.round(value * 10 ** places), -0) ? 0 : value);
  return text.replace('-', '\u2212'); // a minus, which is as wide as a plus
}

const known = (value) => value !== null && value !== undefined;
const unit = (value, name) => `${value}\u00a0${name}`; // kept on one line

// Any number with its unit.
export const amount = (value, places, name) => (known(value) ? unit(number(value, places), name) : NONE);

export const count = (value) => (known(value) ? number(value, 0) : NONE);

// W: a magnitude, where it goes is said by side, arrow or word; and with a sign, for a house that may feed in.
export const power = (watts) => signedPower(known(watts) ? Math.abs(watts) : watts);

export function signedPower(watts) {
  if (!known(watts)) return NONE;
  const size = Math.abs(watts);
  return size < 999.5 ? unit(number(watts, 0), 'W') : unit(number(watts / 1000, size < 99500 ? 2 : 1), 'kW');
}

export function energy(kwh) {
  return known(kwh) ? unit(number(kwh, energyPlaces(kwh)), 'kWh') : NONE;
}

// For tables, whose head names the unit, and for parts of a whole, written as that is.
export const energyDigits = (kwh, whole = kwh) => (known(kwh) ? number(kwh, energyPlaces(whole)) : NONE);

// What comes before a figure that is at least that much, or estimated; where energy flowed is only ever measured.
export function mark(row, key) {
  if (!known(row?.[key]) || !/_(kwh|m3)$/.test(key)) return '';
  const isFlow = key.includes('_to_');
  if (isFlow ? row.lacksFlows : row.parts.includes(key)) return '≥\u00a0';
  return row.estimated && !isFlow && key.endsWith('_kwh') ? '≈\u00a0' : '';
}

function energyPlaces(kwh) {
  if (Math.abs(kwh) < 99.95) return Math.abs(kwh) < 9.995 ? 2 : 1;
  return 0;
}

// 0 to 1, rounded so that only a whole is ever called 100 %.
export function share(value, places = 0) {
  if (!known(value)) return NONE;
  const step = 10 ** places;
  const pct = value < 1 ? Math.min(Math.round(value * 100 * step) / step, 100 - 1 / step) : 100;
  return unit(number(pct, places), '%');
}

// A share of the time: where it is small, to the tenth.
export const shareOfTime = (value) =>
  (value < 0.001 ? '< ' : '') + share(Math.max(value, 0.001), value < 0.1 ? 1 : 0);

export const percent = (pct) => (known(pct) ? unit(number(pct, 0), '%') : NONE);

export const temperature = (celsius) => (known(celsius) ? unit(number(celsius, 1), '°C') : NONE);
export const volts = (value) => (known(value) ? unit(number(value, 0), 'V') : NONE);
export const amperes = (value) => (known(value) ? unit(number(value, 1), 'A') : NONE);
export const hertz = (value) => (known(value) ? unit(number(value, 2), 'Hz') : NONE);

export const axisNumber = (value) =>
  number(value, Number.isInteger(value) ? 0 : Math.abs((value * 10) % 1) < 1e-9 ? 1 : 2);

export function when(ms, zone, options) {
  const key = JSON.stringify([zone, options]);
  if (!dates.has(key)) {
    dates.set(key, new Intl.DateTimeFormat(locale, { ...options, ...CALENDAR, timeZone: zone }));
  }
  return dates.get(key).format(ms);
}

const HOUR_MINUTE = { hour: '2-digit', minute: '2-digit' };

// For axes, where it is plain that these are hours.
export const hourAlone = (ms, zone) => when(ms, zone, { hour: 'numeric' }).replace(/\sUhr$/, '');

// A time that clocks show twice, in the night in which they are set back, says which of the two it is.
const moment =
  (options) =>
  (ms, zone, named = isDoubled(ms, zone)) =>
    when(ms, zone, options) + (named ? ` ${offsetName(ms, zone)}` : '');

export const clock = moment({ ...HOUR_MINUTE, second: '2-digit' });
export const hourMinute = moment(HOUR_MINUTE);
export const dayTime = moment({ day: 'numeric', month: 'short', ...HOUR_MINUTE });
export const dayAndTime = moment({ day: 'numeric', month: 'short', year: 'numeric', ...HOUR_MINUTE });

// Of something that is ageS old: that long ago, a time alone would be taken for one of today.
const LONG_S = 20 * 3600;
export const momentOfAge = (ms, ageS, zone) => (ageS > LONG_S ? dayAndTime : clock)(ms, zone);

// From one time of a day to another; where clocks are set between them, both say by which they are.
export function hours(from, to, zone) {
  const named = offsetOf(from, zone) !== offsetOf(to, zone) || undefined;
  return `${hourMinute(from, zone, named)} – ${hourMinute(to, zone, named)}`;
}

export const longDay = (ms, zone) =>
  when(ms, zone, {
    weekday: 'short',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  });

export function duration(seconds) {
  if (seconds < 90) return unit(number(seconds, 0), 's');
  if (seconds < 90 * 60) return unit(number(seconds / 60, 0), 'min');
  if (seconds < 48 * 3600) return unit(number(seconds / 3600, 1), 'h');
  return t('days_long', { n: number(seconds / 86400, 1) });
}

export const said = (name, words) => t('said', { name, words });

// A device by its own name, if it has one.
export const deviceName = ({ device_id: id, name }) => name || id;

// Why a house's use is below zero.
export const FEEDS_IN = t('feeds_in');
