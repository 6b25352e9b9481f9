// Loads the parts of a view, says what could not be loaded, and tries that again, unless it was asked wrongly. Each
// part is loading, known, or failed, and the places that show it look so.

import { isRefused, trouble } from './api.js';
import { el, say, set } from './dom.js';
import { sentence } from './freshness.js';
import { t } from './language.js';

const AGAIN_MS = 15e3;

export class Loading {
  #failed = new Map();
  #states = new Map();
  #everKnown = new Set();
  #why = el('span', { class: 'why' });

  // parts: name to a function that loads it; context: hears of each trouble; places: name of a part to the element,
  // or the elements, that show it.
  constructor(context, parts, places = {}) {
    this.context = context;
    this.parts = parts;
    this.places = places;
    this.element = el('p', { class: 'notice', role: 'status', hidden: true }, this.#why, el('span', { class: 'lacking' }, t('lacking')));
    for (const name of Object.keys(parts)) this.#mark(name, 'loading');
  }

  all() {
    return Promise.all(Object.keys(this.parts).map((name) => this.part(name)));
  }

  // 'loading' until the first answer, 'known' from then on, 'failed' where none came yet or the last one failed.
  state(name) {
    return this.#states.get(name);
  }

  async part(name) {
    try {
      await this.parts[name]();
      this.#failed.delete(name);
      this.#mark(name, 'known');
    } catch (thrown) {
      const error = trouble(thrown);
      if (!error) return;
      this.#failed.set(name, error);
      this.#mark(name, 'failed');
      this.context.failed(error);
    }
    this.#tell();
  }

  // Jobs for the ticker: each part as often as told, by {name: ms}, and sooner where it failed.
  jobs(everyMs) {
    const again = (name) => ({
      everyMs: AGAIN_MS,
      when: () => this.#failed.has(name) && !this.#isRefused(name),
      run: () => this.part(name),
    });
    const usual = Object.entries(everyMs).map(([name, ms]) => ({
      everyMs: ms,
      when: () => !this.#isRefused(name),
      run: () => this.part(name),
    }));
    return [...usual, ...Object.keys(this.parts).map(again)];
  }

  #isRefused(name) {
    return this.#failed.has(name) && isRefused(this.#failed.get(name));
  }

  #mark(name, state) {
    this.#states.set(name, state);
    if (state === 'known') this.#everKnown.add(name);
    for (const place of [this.places[name] ?? []].flat()) {
      set(place, { 'data-state': state, 'aria-busy': state === 'loading' ? 'true' : null });
      if (state === 'failed' && !this.#everKnown.has(name)) waitNoMore(place);
    }
  }

  #tell() {
    const errors = [...this.#failed.values()];
    const passing = errors.find((error) => !isRefused(error));
    const words = passing
      ? t('may_be_old', { what: sentence(passing) })
      : errors.length && t('full_stop', { what: sentence(errors[0]) });
    say(this.#why, words || '');
    this.element.hidden = !words;
    // While the line of AwayLine says why, here is only said what is lacking.
    const isLacking = [...this.#failed.keys()].some((name) => this.places[name] && !this.#everKnown.has(name));
    set(this.element, { 'data-passing': passing ? (isLacking ? 'lacking' : 'old') : null });
  }
}

// What failed is not under way.
function waitNoMore(place) {
  for (const node of place.querySelectorAll('p, dt')) if (node.textContent === t('loading')) say(node, t('not_loaded'));
}
