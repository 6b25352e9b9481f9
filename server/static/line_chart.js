// Lines over time, and bands between a least and a most: of the battery, the strings, the last minutes.

import { Chart, axis, axisAround } from './chart.js';
import { knownIn, runsOf } from './day_points.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { hourAlone, hourMinute, said, when } from './words.js';
import { minuteOf } from './zone.js';

const LEFT = 44;
const RIGHT = 10;
const TOP = 24;
const BOTTOM = 22;
const DAY_MS = 86400e3;
const NOTHING = { start: 0, end: 1, now: 0, zone: 'UTC', stepMs: 1, points: [], gaps: [], isKnown: false };

export class LineChart extends Chart {
  #data = NOTHING;
  #waiting = t('loading');

  // items: as Chart has them, each with `type`: 'line', 'area', or 'band' with the keys `low` and `high`; write(value):
  // how it is read out; unit, scale: of the axis; nameOf(ms): what a place is called; isAround: not from zero on;
  // most: the end of the axis, whatever the values.
  constructor({ label, items, height, unit, scale = 1, write, nameOf, isAround = false, most = null }) {
    super({ label, items, height });
    Object.assign(this, { unit, scale, write, nameOf, isAround, most });
  }

  // points: [{at, until, KEY: value or null}], in order.
  show({ start, end, now, zone, stepMs, points, gaps = [], title = '' }) {
    this.#data = { start, end, now, zone, stepMs, points, gaps, title, isKnown: true };
    this.hide(this.items.filter((item) => !points.some((p) => p[item.high ?? item.key] !== null)).map(({ key }) => key));
    this.renew(`${stepMs} ${end - start}`);
  }

  // It could not be loaded: to be said where nothing is known.
  fail(words) {
    this.#waiting = words;
    if (!this.#data.isKnown) this.select(null);
  }

  slots() {
    const { start, end, now, stepMs } = this.#data;
    return Math.max(Math.ceil((Math.min(end, Math.max(now, start)) - start) / stepMs), 0);
  }

  slotAt(x) {
    const { start, end, stepMs } = this.#data;
    return Math.floor((((x - LEFT) / (this.svg.clientWidth - LEFT - RIGHT)) * (end - start)) / stepMs);
  }

  slotX(slot) {
    const { start, stepMs } = this.#data;
    const x = this.#x(start + slot * stepMs);
    return [x, this.#x(start + (slot + 1) * stepMs) - x];
  }

  tell(slot) {
    const { isKnown, title, points, start, stepMs, zone } = this.#data;
    if (slot === null) return { title: isKnown ? title : this.#waiting, values: {} };
    const from = start + slot * stepMs;
    const name = this.nameOf(from, zone);
    const p = points.filter(({ at }) => at < from + stepMs).pop();
    const isHere = p && (p.at >= from || p.until > from);
    if (!isHere) return { title: said(name, t('no_readings')), values: {} };
    const values = this.items.map((item) => [item.key, this.#text(item, p)]);
    return { title: name, values: Object.fromEntries(values) };
  }

  #text({ key, low, high, write = this.write }, p) {
    if (!low) return write(p[key]);
    return p[low] === null ? write(null) : `${write(p[low])} – ${write(p[high])}`;
  }

  #x(ms) {
    const { start, end } = this.#data;
    return LEFT + ((ms - start) / (end - start)) * (this.svg.clientWidth - LEFT - RIGHT);
  }

  paint(width) {
    const { points, gaps, stepMs, now, start, end, isKnown } = this.#data;
    const bottom = this.height - BOTTOM;
    const keys = this.items.flatMap(({ key, low, high }) => (low ? [low, high] : [key]));
    const values = points.flatMap((p) => keys.map((key) => p[key])).filter((value) => typeof value === 'number');
    const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value / this.scale);
    const { y, ticks } = this.#axis(values.length ? least : 0, values.length ? most : 1, bottom);
    const runs = runsOf(points, gaps, stepMs, Math.min(now, end));
    const height = (value) => y(value / this.scale);
    return [
      ...this.grid(ticks, y, LEFT, width - RIGHT, this.unit),
      ...(isKnown ? this.#marks(bottom) : []), // of no time yet
      ...this.items.flatMap((item) => this.#item(item, runs, height)),
      ...gaps.map((gap) => {
        const [from, to] = [Math.max(gap.start, start), Math.min(gap.end, end, now)];
        return to > from ? this.hatched(this.#x(from), TOP, this.#x(to) - this.#x(from), bottom - TOP) : '';
      }),
    ];
  }

  #axis(least, most, bottom) {
    if (this.isAround) return axisAround(least, most, TOP, bottom);
    return axis(this.most ?? Math.max(most, 0), Math.max(-least, 0), TOP, bottom);
  }

  #item({ key, type = 'line', low, high, colour }, runs, height) {
    return knownIn(runs, high ?? key).flatMap((run) => {
      const edge = (of) => this.#steps(run, (p) => height(of(p)));
      if (type === 'line')
        return [svg('path', { d: `M${edge((p) => p[key]).join('L')}`, class: `curve line-${colour}` })];
      const [upper, lower] = [edge((p) => p[high ?? key]), edge((p) => (low ? p[low] : 0))];
      return this.coloured('path', { d: `M${upper.join('L')}L${lower.reverse().join('L')}Z` }, colour, 'area');
    });
  }

  #steps(run, height) {
    return run.flatMap((p) => {
      const level = height(p).toFixed(1);
      return [`${this.#x(p.at).toFixed(1)} ${level}`, `${this.#x(p.until).toFixed(1)} ${level}`];
    });
  }

  #marks(bottom) {
    const { start, end, zone } = this.#data;
    const length = end - start;
    const isDays = length > 3 * DAY_MS;
    const wide = this.svg.clientWidth > 560;
    const every = isDays ? (wide ? 3 : 7) * 1440 : length > 6 * 3600e3 ? (wide ? 180 : 360) : 5;
    const marks = [];
    for (let at = Math.ceil(start / 60e3) * 60e3, n = 0; at <= end; at += isDays ? DAY_MS : 60e3, n++) {
      if (isDays ? n % (every / 1440) : minuteOf(at, zone) % every) continue;
      const text = isDays
        ? when(at, zone, { day: 'numeric', month: 'short' })
        : every >= 60
          ? hourAlone(at, zone)
          : hourMinute(at, zone);
      const x = this.#x(at);
      marks.push(svg('line', { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'zero' }));
      if (x + 3.5 * text.length <= this.svg.clientWidth) marks.push(svg('text', { x, y: bottom + 17, class: 'tick middle' }, text));
    }
    return marks;
  }
}
