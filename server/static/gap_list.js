// Gaps in words: when, how long, why.

import { el, say } from './dom.js';
import { named, t } from './language.js';
import { dayAndTime, duration, hourMinute } from './words.js';
import { dateOf, offsetOf } from './zone.js';

const DAY_MS = 86400e3;

const SHOWN = 10; // of many; the others at a tap

// A cause that this page does not know is shown by its own name.
export const cause = (name) => named('cause', name);

// A list of which the first ten lines are shown at first. One that was opened stays so while it goes on, and a line that
// says the same as before stays the same line: who reads there, or has the focus there, is undisturbed.
export class FoldedList {
  #isOpen = false;
  #list = el('ul', { class: 'gaps columns' });
  #more = el('button', { type: 'button', class: 'plain', click: () => this.#open() });
  #items = [];
  element = el('div', {}, this.#list);

  // items: of the list.
  show(items) {
    this.#items = items;
    this.#fill();
    const rest = items.length - SHOWN;
    if (this.#isOpen || rest <= 0) {
      this.#more.remove();
      return;
    }
    say(this.#more, t('gaps_more', { n: rest }));
    if (!this.#more.parentNode) this.element.append(this.#more);
  }

  #fill() {
    const lines = [...this.#list.children];
    const items = this.#isOpen ? this.#items : this.#items.slice(0, SHOWN);
    items.forEach((item, n) => {
      if (!lines[n]) this.#list.append(item);
      else if (lines[n].textContent !== item.textContent) lines[n].replaceChildren(...item.childNodes);
    });
    for (const line of lines.slice(items.length)) line.remove();
  }

  #open() {
    this.#isOpen = true;
    this.#fill();
    this.#more.remove();
    const first = this.#list.children[SHOWN];
    first.tabIndex = -1;
    first.focus();
  }
}

export class GapList extends FoldedList {
  // gaps: {start, end, cause, running} in ms; day: the date that need not be named, or null.
  show(gaps, zone, day = null) {
    super.show(gaps.map((gap) => stretch(gap, zone, day, cause(gap.cause))));
  }
}

// A stretch of time in words: from when to when, for how long, and what of it.
export function stretch({ start, end, running }, zone, day, ...words) {
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
