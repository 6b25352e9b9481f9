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
export function gapItems(gaps, zone, day = null) {
  const list = el('ul', { class: 'gaps' }, itemsOf(gaps.slice(0, SHOWN), zone, day));
  const rest = gaps.slice(SHOWN);
  if (!rest.length) return list;
  const more = el('button', { type: 'button', class: 'plain' }, t('gaps_more', { n: rest.length }));
  more.addEventListener('click', () => {
    const items = itemsOf(rest, zone, day);
    list.append(...items);
    more.remove();
    items[0].tabIndex = -1;
    items[0].focus();
  });
  return el('div', {}, list, more);
}

function itemsOf(gaps, zone, day) {
  return gaps.map(({ start, end, cause: why, running }) => {
    // Where clocks are set meanwhile, from and to alone would belie the length.
    const isNamed = (end - start < DAY_MS && offsetOf(start, zone) !== offsetOf(end, zone)) || undefined;
    const time = (ms, known) => (dateOf(ms, zone) === known ? hourMinute : dayAndTime)(ms, zone, isNamed);
    const [from, to] = [time(start, day), time(end, dateOf(start, zone))];
    return el(
      'li',
      {},
      el('bdi', { class: 'span' }, `${from} – ${running ? t('gap_now') : to}`),
      el('span', { class: 'quiet' }, duration((end - start) / 1000)),
      el('span', {}, cause(why)),
    );
  });
}
