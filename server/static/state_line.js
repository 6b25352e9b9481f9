// What the inverter said of itself through a day: a line by the hours, and the same in words.

import { isRefused } from './api.js';
import { el, say, svg } from './dom.js';
import { FoldedList, stretch } from './gap_list.js';
import { t } from './language.js';
import { stateKind, stateWords } from './running_state.js';
import { swatch } from './swatch.js';
import { duration, hourAlone } from './words.js';
import { addDays, inMs, minuteOf } from './zone.js';

// Told apart by their height, too: [colour, height of 24].
const LOOKS = { on: ['full', 17], limited: ['part', 11], off: ['none', 4], fault: ['lost', 24] };
const MARK = 'M1 1L7 7M7 1L1 7'; // of a fault, where it is named
const HIGH = 26;
const TICK_MIN = 360;
const DARK_MS = 1800e3; // for so much longer than the sun shone, it worked for something else

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

  // start, end: of the day, in ms, as its curve has them; gaps: as the curve hatches them; litMs: how long the sun shone.
  within(start, end, gaps, litMs) {
    Object.assign(this, { start, end, gaps, litMs });
    this.#say();
    this.#draw();
  }

  #show(states, date, zone) {
    this.states = states;
    this.#say();
    this.#list.show(states.map((one) => stretch(one, zone, date, sign(one.state), ' ', stateWords(one.state))));
    this.#draw();
  }

  #say() {
    const { states, litMs = 0 } = this;
    if (!states) return;
    const long = (kind) => states.filter((one) => stateKind(one.state) === kind).reduce((sum, { start, end }) => sum + end - start, 0);
    const time = (ms) => duration(ms / 1000);
    const dark = litMs > 0 ? long('on') - litMs : 0;
    const faults = states.filter(({ state }) => stateKind(state) === 'fault').length;
    const words = [
      t('states_ran', { time: time(long('on')) }),
      dark > DARK_MS && t('states_dark', { time: time(dark) }),
      long('limited') && t('states_limited', { time: time(long('limited')) }),
      faults && t('states_faults', { n: faults }),
    ];
    say(this.#words, words.filter(Boolean).join(' '));
  }

  #draw() {
    if (!this.states || !this.start) return;
    const x = (ms) => ((ms - this.start) / (this.end - this.start)) * 100;
    const within = ({ start, end }) => [Math.max(start, this.start), Math.min(end, this.end)];
    const boxes = this.states.map((one) => {
      const [start, end] = within(one);
      const [colour, height] = LOOKS[stateKind(one.state)];
      const width = `${Math.max(x(end) - x(start), 0.2).toFixed(2)}%`;
      return svg('rect', { x: `${x(start).toFixed(2)}%`, y: HIGH - height, width, height, class: `fill-${colour} edge` });
    });
    const holes = (this.gaps ?? []).map(within).filter(([start, end]) => end > start).map(([start, end]) =>
      svg('rect', { x: `${x(start).toFixed(2)}%`, y: 0, width: `${(x(end) - x(start)).toFixed(2)}%`, height: HIGH, class: 'state-hole', fill: 'url(#state-hatch)' }),
    );
    this.#line.replaceChildren(svg('svg', { width: '100%', height: HIGH + 18 }, hatch(), boxes, holes, this.#ticks(x)));
  }

  // As few as a phone has room for; the axis of the curve may be far above.
  #ticks(x) {
    const { start, end, context } = this;
    const ticks = [svg('line', { x1: '0%', x2: '100%', y1: HIGH, y2: HIGH, class: 'state-axis' })];
    for (let ms = start; ms <= end; ms += 15 * 60e3) {
      if (minuteOf(ms, context.zone) % TICK_MIN) continue;
      const at = `${x(ms).toFixed(2)}%`;
      const side = ms === start ? 'start' : ms >= end - 60e3 ? 'end' : 'middle';
      ticks.push(svg('line', { x1: at, x2: at, y1: HIGH, y2: HIGH + 4, class: 'state-axis' }));
      ticks.push(svg('text', { x: at, y: HIGH + 16, class: `tick ${side}` }, hourAlone(ms, context.zone)));
    }
    return ticks;
  }
}

function hatch() {
  const size = { width: 5, height: 5 };
  return svg(
    'defs',
    {},
    svg(
      'pattern',
      { id: 'state-hatch', ...size, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      svg('rect', { ...size, class: 'hatch-ground' }),
      svg('rect', { width: 1.6, height: 5, class: 'hatch-line' }),
    ),
  );
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
