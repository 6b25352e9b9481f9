// The section of System on what the inverter reported of itself: faults and warnings, and what to do.

import { load } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';

const DAYS = 30; // as many as /v1/faults tells unless asked
const MINUTE = 60e3;

export class FaultSection {
  speaks = 'faults';
  jobs = { faults: 5 * MINUTE };
  #context;
  #content = el('div', {}, el('p', { class: 'quiet' }, t('loading')));

  constructor(context) {
    this.#context = context;
    this.parts = { faults: () => this.#load() };
    this.places = { faults: this.#content };
    const title = el('h2', { id: 'faults' }, t('faults_of_days', { n: DAYS }));
    this.element = el('section', { class: 'card', 'aria-labelledby': 'faults' }, title, this.#content);
  }

  async #load() {
    const { faults, can_tell: canTell } = await this.#context.ask('/v1/faults');
    if (!faults.length) {
      const known = canTell ? 'no_faults' : 'faults_cannot_tell';
      const words = t(this.#context.device.first_ts ? known : 'calendar_empty', { n: DAYS });
      this.#content.replaceChildren(el('p', { class: 'quiet' }, words));
      this.tell([]);
      return;
    }
    const { faultTable, openFaults } = await load(() => import('./faults.js'));
    this.#content.replaceChildren(await faultTable(faults, this.#context.zone));
    this.tell(await openFaults(faults));
  }
}
