// What a period is compared with, as links of which one is chosen; and the fields of a range.

import { el } from './dom.js';
import { t } from './language.js';
import { rollings } from './period_kinds.js';
import { dateField } from './period_field.js';
import { addDays } from './zone.js';

const WAYS = ['previous', 'year', 'none'];
// The one before a year is that of last year.
const waysOf = (frame) => (frame === 'year' ? ['previous', 'none'] : WAYS);

// The one that the address names, or else the one before. frame: as in the address: day, week, ...
export function wayOf(query, frame) {
  const by = query?.get('compare');
  return waysOf(frame).includes(by) ? by : WAYS[0];
}

// As the address names it: the usual one is not named.
export const inAddress = (by) => (by === WAYS[0] ? null : by);

// Whether the house was there at what a period is compared with. kind: of period_kinds.js; date: its first day.
export const isThereBy = ({ firstDate }, kind, date, by) =>
  by === 'none' || (firstDate !== null && firstDate < kind.move(kind.shift(date, by), 1));

// chosen: one of them; link(by): its address; frame: as above; isThere(by): whether it leads to anything.
export function ways(chosen, link, frame, isThere) {
  const name = (by) => t(by === WAYS[0] ? `compare_${frame}_before` : `compare_${by}`);
  return el(
    'p',
    { class: 'ways', role: 'group', 'aria-label': t('compare_with') },
    el('span', { class: 'quiet' }, t('compare_with')),
    waysOf(frame).map((by) => {
      const more = { 'aria-current': by === chosen ? 'true' : null, 'data-keep': `compare-${by}` };
      return isThere(by) ? el('a', { href: link(inAddress(by)), ...more }, name(by)) : el('s', more, name(by));
    }),
  );
}

// From and to, both typed or picked, and the spans that end today. range: as rangeOf has it.
export function rangeFields(range, { firstDate: first, today, go, link }) {
  let [from, to] = [range.from, addDays(range.end, -1)];
  const chosen = () => from <= to && go(link({ view: 'range', from, to }));
  const limits = { first, last: today() };
  const fields = [
    dateField(t('range_from'), { ...limits, value: from, keep: 'from' }, (date) => {
      from = date;
      if (to < from) to = from;
      chosen();
    }),
    el('span', { class: 'quiet', 'aria-hidden': true }, '–'),
    dateField(t('range_to'), { ...limits, value: to > today() ? today() : to, keep: 'to' }, (date) => {
      to = date;
      if (from > to) from = to;
      chosen();
    }),
  ];
  const spans = rollings.map((span) =>
    el(
      'a',
      {
        class: 'button',
        href: link({ view: 'range', span }),
        'aria-current': span === range.rolling ? 'true' : null,
        'data-keep': span,
      },
      t(`last_${span}`),
    ),
  );
  return el('div', { class: 'range-fields' }, el('div', { class: 'dates' }, fields), el('div', { class: 'spans' }, spans));
}
