// The section of System on alerts. Where nobody uses them there is nothing of it: no card, no module, no request.

import { load, openAlerts } from './api.js';
import { el } from './dom.js';

const MINUTE = 60e3;

export class AlertSection {
  isFirst = true;
  speaks = 'alerts';
  jobs = { alerts: 10 * MINUTE };
  element = el('div', {});
  #context;
  #cards = null;
  #shown = null; // how many were open then

  constructor(context) {
    this.#context = context;
    this.parts = { alerts: () => this.#load() };
    this.places = { alerts: this.element };
  }

  // The parts that a reading told to be out of date.
  get stale() {
    return openAlerts() === this.#shown ? [] : ['alerts'];
  }

  async #load() {
    const open = openAlerts();
    this.#shown = open;
    if (open === null) {
      this.tell([]);
      return;
    }
    this.#cards ??= await (await load(() => import('./alert_cards.js'))).alertCards(this.#context);
    this.tell(await this.#cards.load());
    if (!this.#cards.element.parentNode) this.element.replaceChildren(this.#cards.element);
  }
}
