// A span of a day as an address has it, such as 10:00-11:00, and how closely it is asked for.

import { when } from './words.js';
import { momentOf } from './zone.js';

const HOUR_MS = 3600e3;
const MINUTE_MS = 60e3;
const LEAST_MS = 2 * MINUTE_MS;

// {start, end} in ms, or null where it is none.
export function spanOf(text, date, zone) {
  const found = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text ?? '');
  if (!found) return null;
  const [from, to] = [found.slice(1, 3), found.slice(3, 5)].map(([h, m]) => Number(h) * 60 + Number(m));
  if (to > 1440 || to <= from) return null;
  return { start: momentOf(date, from, zone), end: momentOf(date, to, zone) };
}

// Of what lies between two moments, in whole minutes.
export function spanText(start, end, zone) {
  const wide = Math.max(LEAST_MS - (end - start), 0) / 2;
  const ms = [Math.floor((start - wide) / MINUTE_MS), Math.ceil((end + wide) / MINUTE_MS)].map((n) => n * MINUTE_MS);
  const clock = (at) => when(at, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const last = clock(ms[1]) === '00:00' ? '24:00' : clock(ms[1]);
  return `${clock(ms[0])}-${last}`;
}

// The bucket for so long a span, and its length.
export function finenessOf(lengthMs) {
  if (lengthMs < HOUR_MS) return { bucket: 'raw', stepMs: 5e3 };
  if (lengthMs < 6 * HOUR_MS) return { bucket: '1m', stepMs: MINUTE_MS };
  return { bucket: '5m', stepMs: 5 * MINUTE_MS };
}
