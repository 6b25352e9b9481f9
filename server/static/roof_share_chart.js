// What each string gave of all, against what is usual with the sun there: a line of seven days each, the band within
// which nothing is said, and signs where something happened.

import { Chart, axisAround } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { glyph } from './swatch.js';
import { amount, longDay, when } from './words.js';

const LEFT = 44;
const RIGHT = 10;
const TOP = 24;
const BOTTOM = 22;
const DAY_MS = 86400e3;
const BAND_PCT = 5;
const MEAN_DAYS = 7;
const STRINGS = [1, 2, 3, 4];
const NARROW_PX = 560;

export class RoofShareChart extends Chart {
  #data = null;

  constructor(nameOf) {
    super({
      label: t('roof_share_chart'),
      items: [
        ...STRINGS.map((n) => ({ key: `string-${n}`, name: nameOf(n), colour: `string-${n}`, shape: 'line' })),
        { key: 'band', name: t('roof_share_band'), colour: 'before' },
        { key: 'event', name: t('roof_event'), colour: 'charge', shape: 'up' },
      ],
      height: 260,
    });
  }

  // days: [{ms, pct: {STRING: value or null}}], one after the other; events: [{ms, words}]; title.
  show(data) {
    this.#data = data;
    const { days, events } = data;
    this.hide([
      ...STRINGS.filter((n) => !days.some(({ pct }) => typeof pct[n] === 'number')).map((n) => `string-${n}`),
      ...(events.length ? [] : ['event']),
    ]);
    this.renew(`${days.length} ${days[0]?.ms}`);
  }

  slots() {
    return this.#data?.days.length ?? 0;
  }

  slotAt(x) {
    return Math.round(((x - LEFT) / (this.svg.clientWidth - LEFT - RIGHT)) * (this.slots() - 1));
  }

  slotX(slot) {
    return [this.#x(this.#data.days[slot].ms) - 3, 6];
  }

  tell(slot) {
    if (!this.#data) return { title: t('loading'), values: {} };
    const { days, events, title } = this.#data;
    if (slot === null) return { title, values: {} };
    const { ms, pct } = days[slot];
    const here = events.filter((one) => Math.abs(one.ms - ms) < DAY_MS / 2 || one.ms === this.#eventNear(ms));
    const values = STRINGS.map((n) => [`string-${n}`, typeof pct[n] === 'number' ? amount(pct[n], 0, '%') : null]);
    return { title: [longDay(ms, 'UTC'), ...here.map(({ words }) => words)].join(': '), values: Object.fromEntries(values) };
  }

  // A finger is not finer than a few days.
  #eventNear(ms) {
    const { days, events } = this.#data;
    const reach = (days[days.length - 1].ms - days[0].ms) / 120;
    return events.find((one) => Math.abs(one.ms - ms) <= reach)?.ms;
  }

  #x(ms) {
    const { days } = this.#data;
    const [begin, end] = [days[0].ms, Math.max(days[days.length - 1].ms, days[0].ms + DAY_MS)];
    return LEFT + ((ms - begin) / (end - begin)) * (this.svg.clientWidth - LEFT - RIGHT);
  }

  paint(width) {
    if (!this.#data) return [];
    const { days, events } = this.#data;
    const bottom = this.height - BOTTOM;
    const values = days.flatMap(({ pct }) => Object.values(pct)).filter((value) => typeof value === 'number');
    const [least, most] = [Math.min(90, ...values), Math.max(110, ...values)];
    const { y, ticks } = axisAround(least, most, TOP, bottom);
    const right = width - RIGHT;
    const band = { x: LEFT, y: y(100 + BAND_PCT).toFixed(1), width: right - LEFT, height: (y(100 - BAND_PCT) - y(100 + BAND_PCT)).toFixed(1) };
    return [
      svg('rect', { ...band, class: 'share-band' }),
      ...this.grid(ticks, y, LEFT, right, '%'),
      ...this.#months(bottom, right),
      ...STRINGS.flatMap((n) => this.#line(n, y)),
      ...events.map(({ ms }) => {
        const place = `translate(${(this.#x(ms) - 6).toFixed(1)} ${bottom - 13})`;
        return svg('path', { d: glyph('up'), transform: place, class: 'fill-charge edge' });
      }),
    ];
  }

  #line(n, y) {
    let last = -Infinity;
    const d = this.#data.days.map(({ ms, pct }) => {
      const value = pct[n];
      if (typeof value !== 'number') return '';
      // Only days with sun have a value, each of which is of seven.
      const isOn = ms - last <= MEAN_DAYS * DAY_MS;
      last = ms;
      const step = `${isOn ? 'L' : 'M'}${this.#x(ms).toFixed(1)} ${y(value).toFixed(1)}`;
      // A day alone is a dot of the line's own width.
      const dot = isOn ? '' : 'h0.1';
      return step + dot;
    });
    return d.some(Boolean) ? [svg('path', { d: d.join(''), class: `curve line-string-${n}` })] : [];
  }

  #months(bottom, right) {
    const { days } = this.#data;
    const isLong = days.length > 100;
    const every = this.svg.clientWidth < NARROW_PX ? 3 : 1;
    const marked = days.filter(({ ms }, n) => (isLong ? new Date(ms).getUTCDate() === 1 : n % (7 * every) === 0));
    return marked.flatMap(({ ms }, n) => {
      const x = this.#x(ms);
      const line = svg('line', { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'zero' });
      if ((isLong && n % every) || x > right - 12) return [line];
      const word = when(ms, 'UTC', isLong ? { month: 'short' } : { day: 'numeric', month: 'short' });
      return [line, svg('text', { x, y: bottom + 17, class: 'tick middle' }, word)];
    });
  }
}
