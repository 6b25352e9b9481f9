// A chart on all of the screen: it moves into a dialog, and back.

import { el } from './dom.js';
import { t } from './language.js';

// chart: of chart.js.
export function enlarge({ element, svg, opener }) {
  const close = () => box.close();
  const box = el(
    'dialog',
    { class: 'full', 'aria-label': svg.getAttribute('aria-label') },
    el(
      'div',
      { class: 'card-head' },
      el('h2', {}, svg.getAttribute('aria-label')),
      el('button', { type: 'button', class: 'close plain', 'aria-label': t('close'), click: close }, '×'),
    ),
  );
  element.before(box);
  box.append(element);
  box.addEventListener('close', () => {
    box.replaceWith(element);
    opener.focus();
  });
  box.showModal();
  svg.focus();
}
