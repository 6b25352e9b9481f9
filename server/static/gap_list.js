// Gaps in words: when, how long, why.

import { el } from './dom.js';
import { named, t } from './language.js';
import { dayAndTime, duration, hourMinute } from './words.js';
import { dateOf, offsetOf } from './zone.js';

const DAY_MS = 86400e3;

const SHOWN = 10; // of many; the others at a tap

// A cause that this page does not know is shown by its own name.
export const cause = (name) => named('cause', name);

// gaps: {start, end, cause, running} in ms; day: the date that need not be named, or null.
export const gapItems = (gaps, zone, day = null) => folded(itemsOf(gaps, zone, day));

// A list of which the first ones are shown, and the others at a tap.
export function folded(items) {
  const list = el('ul', { class: 'gaps' }, items.slice(0, SHOWN));
  const rest = items.slice(SHOWN);
  if (!rest.length) return list;
  const more = el('button', { type: 'button', class: 'plain' }, t('gaps_more', { n: rest.length }));
  more.addEventListener('click', () => {
    list.append(...rest);
    more.remove();
    rest[0].tabIndex = -1;
    rest[0].focus();
  });
  return el('div', {}, list, more);
}

const itemsOf = (gaps, zone, day) => gaps.map((gap) => item(gap, zone, day, cause(gap.cause)));

// A stretch of time in words: from when to when, for how long, and what of it.
export function item({ start, end, running }, zone, day, ...words) {
  // Where clocks are set meanwhile, from and to alone would belie the length.
  const isNamed = (end - start < DAY_MS && offsetOf(start, zone) !== offsetOf(end, zone)) || undefined;
  const time = (ms, known) => (dateOf(ms, zone) === known ? hourMinute : dayAndTime)(ms, zone, isNamed);
  const isEnd = end - 1 > start && dateOf(end - 1, zone) === dateOf(start, zone) && dateOf(end, zone) !== dateOf(start, zone);
  const [from, to] = [time(start, day), isEnd ? hourMinute(end, zone, isNamed) : time(end, dateOf(start, zone))];
  return el(
    'li',
    {},
    el('bdi', { class: 'span' }, `${from} – ${running ? t('gap_now') : to}`),
    el('span', { class: 'quiet' }, duration((end - start) / 1000)),
    el('span', {}, words),
  );
}
