// Gaps in words: when, how long, why.

import { el } from './dom.js';
import { cause, dayAndTime, duration, hourMinute } from './words.js';
import { dateOf } from './zone.js';

// gaps: {start, end, cause, running} in ms; day: the date that need not be named, or null.
export function gapItems(gaps, zone, day = null) {
  return el(
    'ul',
    { class: 'gaps' },
    gaps.map(({ start, end, cause: why, running }) => {
      const from = dateOf(start, zone) === day ? hourMinute(start, zone) : dayAndTime(start, zone);
      const to = dateOf(end, zone) === dateOf(start, zone) ? hourMinute(end, zone) : dayAndTime(end, zone);
      return el(
        'li',
        {},
        el('span', { class: 'span' }, `${from} – ${running ? 'now' : to}`),
        el('span', { class: 'quiet' }, duration((end - start) / 1000)),
        el('span', {}, cause(why)),
      );
    }),
  );
}

// Where no gaps are known, a bucket without readings is all that can be told.
export function emptySpans(buckets, stepMs) {
  return buckets
    .filter((bucket) => bucket.avg_pv_power_w === null)
    .map(({ bucket }) => ({
      start: Date.parse(bucket),
      end: Date.parse(bucket) + stepMs,
      cause: 'not_loaded',
    }));
}

export const inMs = (gap) => ({ ...gap, start: Date.parse(gap.start), end: Date.parse(gap.end) });
