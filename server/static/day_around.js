// What is around a day of History: the ways to other days, and the day that it is compared with.

import { before } from './compare.js';
import { el } from './dom.js';
import { t } from './language.js';
import { periodField } from './period_field.js';
import { KINDS } from './period_kinds.js';
import { periodNav, swipes } from './period_nav.js';
import { inAddress, isThereBy, wayOf, ways } from './period_ways.js';
import { addDays } from './zone.js';

export class DayAround {
  #context;
  #date;
  #by;

  constructor(context, date, title) {
    [this.#context, this.#date, this.#by] = [context, date, wayOf(context.query, 'day')];
    const { firstDate: first, today, go } = context;
    const chosen = (to) => go(this.#link(to));
    const field = periodField('day', { date, first, last: today(), here: context, chosen });
    const nav = periodNav({ title, links: this.links, present: t('go_today'), field });
    const zoom = context.query?.get('zoom');
    const way = (compare) => context.link({ view: 'day', date, zoom, compare });
    this.element = el('div', {}, nav, ways(this.#by, way, 'day', (by) => isThereBy(context, KINDS.day, date, by)));
  }

  #link(date) {
    return this.#context.link({ view: 'day', date, compare: inAddress(this.#by) });
  }

  get links() {
    const { today, firstDate } = this.#context;
    const date = this.#date;
    return {
      before: firstDate === null || date > firstDate ? this.#link(addDays(date, -1)) : null,
      after: date < today() ? this.#link(addDays(date, 1)) : null,
      now: date === today() ? null : this.#link(null),
    };
  }

  // A finger on the view leads to the days beside.
  follow(element) {
    swipes(element, this.links, this.#context.go);
  }

  // As `before` of compare.js has it; null where there is nothing to compare with.
  async earlier() {
    return this.#by === 'none' ? null : before(this.#context, KINDS.day, this.#date, this.#by);
  }
}
