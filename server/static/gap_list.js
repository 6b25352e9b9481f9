// Gaps in words: when, how long, why.

import { el } from './dom.js';
import { dayAndTime, duration, hourMinute } from './words.js';
import { dateOf, offsetOf } from './zone.js';

const DAY_MS = 86400e3;

const CAUSES = {
  inverter_off: 'the inverter was off',
  dongle_silent: 'the dongle did not answer',
  edge_down: 'the edge was not running',
  clock_unsynced: 'the edge did not know the time',
  parked: 'the readings were parked',
  in_transit: 'still on their way',
  thinned: 'thinned out on a full disk',
  forgotten: 'deleted on purpose',
  clock_step: 'the edge’s clock was set',
  unknown: 'cause unknown',
};

// A cause that this page does not know is shown by its own name.
export const cause = (name) => CAUSES[name] ?? name.replaceAll('_', ' ');

// gaps: {start, end, cause, running} in ms; day: the date that need not be named, or null.
export function gapItems(gaps, zone, day = null) {
  return el(
    'ul',
    { class: 'gaps' },
    gaps.map(({ start, end, cause: why, running }) => {
      // Where clocks are set meanwhile, from and to alone would belie the length.
      const named = (end - start < DAY_MS && offsetOf(start, zone) !== offsetOf(end, zone)) || undefined;
      const time = (ms, known) => (dateOf(ms, zone) === known ? hourMinute : dayAndTime)(ms, zone, named);
      const [from, to] = [time(start, day), time(end, dateOf(start, zone))];
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
