// The heading of a period, the arrows to its neighbours, a date field, and the way back to now.

import { el } from './dom.js';

// links: {before, after, now}: addresses, null where there is none; pick(date): the date field's address.
export function periodNav({ title, date, first, last, links, go, pick }) {
  const arrow = (href, name, sign, keep) =>
    href
      ? el('a', { class: 'arrow-link', href, 'aria-label': name, 'data-keep': keep }, sign)
      : el('span', { class: 'arrow-link', 'aria-hidden': true }, sign);
  const input = el('input', {
    type: 'date',
    value: date,
    min: first,
    max: last,
    required: true,
    'data-keep': 'date',
  });
  input.addEventListener('change', () => input.checkValidity() && go(pick(input.value)));
  return el(
    'div',
    { class: 'period' },
    el(
      'div',
      { class: 'period-title' },
      arrow(links.before, 'Previous', '‹', 'before'),
      el('h1', { tabindex: -1 }, title),
      arrow(links.after, 'Next', '›', 'after'),
    ),
    el(
      'div',
      { class: 'period-pick' },
      date && el('label', {}, el('span', { class: 'unseen' }, 'Go to the date'), input),
      links.now && el('a', { class: 'button', href: links.now, 'data-keep': 'now' }, 'Now'),
    ),
  );
}
