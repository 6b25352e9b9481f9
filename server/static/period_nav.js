// The heading of a period, the arrows to its neighbours, where another one is picked, and the way back to the present;
// and a finger that swipes to the neighbours.

import { el } from './dom.js';
import { t } from './language.js';

const LOCK_PX = 10;
const SWIPE_PX = 60;
const EDGE_PX = 24; // there the browser goes back itself
const NOT_OVER = ['.chart', '.scroller', '.legend', 'input', 'select', 'dialog'].join(',');

// links: {before, after, now}: addresses, null where there is none; present: key of the words of the way back; field:
// where another one is picked, or null.
export function periodNav({ title, links, present, field }) {
  const arrow = (href, name, sign, keep) =>
    href
      ? el('a', { class: 'arrow-link', href, 'aria-label': name, 'data-keep': keep }, sign)
      : el('span', { class: 'arrow-link none', 'aria-hidden': true }, sign);
  const hasArrows = links.before !== undefined;
  return el(
    'div',
    { class: hasArrows ? 'period' : 'period alone' },
    el(
      'div',
      { class: 'period-title' },
      hasArrows ? arrow(links.before, t('go_before'), '‹', 'before') : null,
      el('h1', { tabindex: -1 }, title),
      hasArrows ? arrow(links.after, t('go_after'), '›', 'after') : null,
    ),
    el(
      'div',
      { class: 'period-pick' },
      field,
      links.now && el('a', { class: 'button', href: links.now, 'data-keep': 'now' }, present),
    ),
  );
}

// Swiping to the left leads on, to the right back, as far as there are links; at the ends the view gives way a little.
export function swipes(element, links, go) {
  let from = null;
  let isAcross = null;
  const move = (px) => {
    element.style.transform = px ? `translateX(${px}px)` : '';
  };
  element.addEventListener('touchstart', ({ touches, target }) => {
    const { clientX: x, clientY: y } = touches[0];
    const isFree = touches.length === 1 && !target.closest(NOT_OVER);
    from = isFree && x > EDGE_PX && x < innerWidth - EDGE_PX ? { x, y } : null;
    isAcross = null;
  }, { passive: true });
  element.addEventListener('touchmove', ({ touches }) => {
    if (!from) return;
    const [dx, dy] = [touches[0].clientX - from.x, touches[0].clientY - from.y];
    if (isAcross === null && Math.hypot(dx, dy) >= LOCK_PX) isAcross = Math.abs(dx) > Math.abs(dy);
    if (!isAcross) return;
    from.dx = dx;
    move(Math.round((dx < 0 ? links.after : links.before) ? dx / 2 : dx / 6));
  }, { passive: true });
  const end = (event) => {
    const dx = from?.dx ?? 0;
    from = null;
    move(0);
    const href = dx < 0 ? links.after : links.before;
    if (event.type === 'touchend' && Math.abs(dx) >= SWIPE_PX && href) go(href);
  };
  element.addEventListener('touchend', end);
  element.addEventListener('touchcancel', end);
}
