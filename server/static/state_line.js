// What the inverter said of itself through a day: a line by the hours, and the same in words.

import { isRefused } from './api.js';
import { el, say, svg } from './dom.js';
import { FoldedList, stretch } from './gap_list.js';
import { t } from './language.js';
import { stateKind, stateWords } from './running_state.js';
import { swatch } from './swatch.js';
import { duration } from './words.js';
import { addDays, inMs } from './zone.js';

// Told apart by their height, too: [colour, height of 24].
const LOOKS = { on: ['full', 17], limited: ['part', 11], off: ['none', 4], fault: ['lost', 24] };
const MARK = 'M1 1L7 7M7 1L1 7'; // of a fault, where it is named

export class StateLine {
  #words = el('p', { class: 'chart-title' }, t('loading'));
  #line = el('div', { class: 'state-line', 'aria-hidden': 'true' });
  #list = new FoldedList();

  constructor(context) {
    this.context = context;
    this.element = el(
      'section',
      { class: 'card states', 'aria-labelledby': 'states_of_day' },
      el('h2', { id: 'states_of_day' }, t('states_of_day')),
      this.#words,
      this.#line,
      this.#list.element,
    );
  }

  // A server of before does not tell them.
  async load(date) {
    const { ask, zone } = this.context;
    const range = { from: date, to: addDays(date, 1) };
    try {
      const { states } = await ask('/v1/states', range);
      this.element.hidden = !states.length;
      if (states.length) this.#show(joined(states.map(inMs)), date, zone);
    } catch (error) {
      if (error.status === undefined || !isRefused(error)) throw error;
      this.element.hidden = true;
    }
  }

  // start, end: of the day, in ms, as its curve has them.
  within(start, end) {
    [this.start, this.end] = [start, end];
    this.#draw();
  }

  #show(states, date, zone) {
    this.states = states;
    const long = (kind) => states.filter((one) => stateKind(one.state) === kind).reduce((sum, { start, end }) => sum + end - start, 0) / 1000;
    const faults = states.filter(({ state }) => stateKind(state) === 'fault').length;
    const words = [t('states_ran', { time: duration(long('on')) }), long('limited') && t('states_limited', { time: duration(long('limited')) }), faults && t('states_faults', { n: faults })];
    say(this.#words, words.filter(Boolean).join(' '));
    this.#list.show(states.map((one) => stretch(one, zone, date, sign(one.state), ' ', stateWords(one.state))));
    this.#draw();
  }

  #draw() {
    if (!this.states || !this.start) return;
    const x = (ms) => ((ms - this.start) / (this.end - this.start)) * 1000;
    const boxes = this.states.map(({ state, start, end }) => {
      const [colour, height] = LOOKS[stateKind(state)];
      const width = Math.max(x(end) - x(start), 2).toFixed(1);
      return svg('rect', { x: x(start).toFixed(1), y: 24 - height, width, height, class: `fill-${colour} edge` });
    });
    this.#line.replaceChildren(svg('svg', { viewBox: '0 0 1000 24', preserveAspectRatio: 'none' }, boxes));
  }
}

function sign(state) {
  const kind = stateKind(state);
  return swatch(LOOKS[kind][0], 'box', kind === 'fault' ? MARK : null);
}

// One state has several numbers: what is called the same, and goes on, is one.
function joined(states) {
  const found = [];
  for (const one of states) {
    const last = found[found.length - 1];
    if (last && last.end === one.start && stateWords(last.state) === stateWords(one.state)) last.end = one.end;
    else found.push({ ...one });
  }
  return found;
}
