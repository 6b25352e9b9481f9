// Loads the parts of a view, says what could not be loaded, and tries that again, unless it was asked wrongly.

import { isRefused, trouble } from './api.js';
import { el, say } from './dom.js';
import { sentence } from './freshness.js';

const AGAIN_MS = 15e3;

export class Loading {
  #failed = new Map();

  // parts: name to a function that loads it; context: hears of each trouble.
  constructor(context, parts) {
    this.context = context;
    this.parts = parts;
    this.element = el('p', { class: 'notice', role: 'status', hidden: true });
  }

  all() {
    return Promise.all(Object.keys(this.parts).map((name) => this.part(name)));
  }

  async part(name) {
    try {
      await this.parts[name]();
      this.#failed.delete(name);
    } catch (thrown) {
      const error = trouble(thrown);
      if (!error) return;
      this.#failed.set(name, error);
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

  #tell() {
    const errors = [...this.#failed.values()];
    const passing = errors.find((error) => !isRefused(error));
    const words = passing
      ? `${sentence(passing)}. What is shown may be old or missing; trying again.`
      : errors.length && `${sentence(errors[0])}.`;
    say(this.element, words || '');
    this.element.hidden = !words;
  }
}
