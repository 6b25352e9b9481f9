// One local day, or a span of it: sources stacked above zero, uses below, the house as a line, the battery's charge on
// the right axis. Each step is the mean of its bucket; what was not measured is hatched, never zero.

import { Chart, axis } from './chart.js';
import { knownIn, pointOf, runsOf, split, texts } from './day_points.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { clock, hourAlone, hourMinute, hours, percent, said } from './words.js';
import { minuteOf } from './zone.js';

const ITEMS = [
  { key: 'solar', name: t('solar'), colour: 'solar' },
  { key: 'clear', name: t('clear_day'), colour: 'clear', shape: 'dashes' },
  { key: 'battery_out', name: t('battery_out'), colour: 'discharge' },
  { key: 'import', name: t('import'), colour: 'import' },
  { key: 'house', name: t('house'), colour: 'house', shape: 'line' },
  { key: 'use', name: t('house_use'), colour: 'house-area' },
  { key: 'battery_in', name: t('battery_in'), colour: 'charge' },
  { key: 'export', name: t('export'), colour: 'export' },
  { key: 'charge_level', name: t('charge_level'), colour: 'soc', shape: 'dashes' },
];
const UP = [
  ['solar', 'solar'],
  ['battery_out', 'discharge'],
  ['import', 'import'],
  ['fed_in', 'house-area'],
];
const DOWN = [
  ['use', 'house-area'],
  ['battery_in', 'charge'],
  ['export', 'export'],
];
const AT_THE_METER = ['import', 'house', 'use', 'export'];
const AT_THE_BATTERY = ['battery_out', 'battery_in', 'charge_level'];
const LEFT = 36;
const TOP = 24;
const BOTTOM = 22;
const FOOT = 6;
// Marks of time: minutes apart, for so many ms and no more of them than fit.
const MARKS = [1, 5, 10, 15, 30, 60, 120, 180, 360];

export class DayChart extends Chart {
  #data = { start: 0, end: 86400e3, points: [], gaps: [], now: 0, zone: 'UTC', stepMs: 300e3, isKnown: false };
  #byStep = new Map();
  #right = 46;

  constructor() {
    super({ label: t('power_of_day'), items: ITEMS, height: 330 });
    this.hide(['clear']);
  }

  // start, end, now: ms; buckets as /v1/series gives them; gaps: {start, end, cause} in ms; meter: as meter.js has it;
  // hasBattery; clear(ms): W of a clear day, or null; causeOf(cause): in words.
  show({ start, end, now, zone, buckets, gaps, stepMs, meter, hasBattery, clear, causeOf }) {
    const points = buckets.filter((bucket) => bucket.avg_pv_power_w !== null).map(pointOf);
    if (clear) for (const p of points) p.clear = clear(p.at + stepMs / 2);
    this.#data = { start, end, points, gaps, now, zone, stepMs, clear, causeOf, isKnown: true };
    this.meter = meter;
    this.#right = hasBattery ? 46 : 10;
    this.hide([
      ...(meter === 'there' ? [] : AT_THE_METER),
      ...(hasBattery ? [] : AT_THE_BATTERY),
      ...(clear ? [] : ['clear']),
    ]);
    this.hasBattery = hasBattery;
    this.feedsIn = points.some((p) => p.fed_in >= 5);
    this.#byStep = new Map(points.map((p) => [Math.floor((p.at - start) / stepMs), p]));
    this.renew(`${start} ${end} ${stepMs}`);
  }

  // What is shown is not known, and why.
  say(words) {
    this.#data.words = words;
    this.select(null);
  }

  slots() {
    const { start, end, now, stepMs } = this.#data;
    return Math.ceil((Math.min(end, Math.max(now, start)) - start) / stepMs);
  }

  slotAt(x) {
    const { start, end, stepMs } = this.#data;
    const share = (x - LEFT) / (this.svg.clientWidth - LEFT - this.#right);
    return Math.floor((share * (end - start)) / stepMs);
  }

  // When a slot begins.
  timeOf(slot) {
    return this.#data.start + slot * this.#data.stepMs;
  }

  slotX(slot) {
    const x = this.#x(this.timeOf(slot));
    return [x, this.#x(this.timeOf(slot + 1)) - x];
  }

  tell(slot) {
    const { zone, points, gaps, stepMs, causeOf } = this.#data;
    if (slot === null) return this.#all(points);
    const from = this.timeOf(slot);
    const span = stepMs < 60e3 ? clock(from, zone) : hours(from, from + stepMs, zone);
    const gap = gaps.find((g) => g.start < from + stepMs && g.end > from);
    // A reading may stand for longer than a step, and a step may be partly a gap.
    const point = this.#byStep.get(slot) ?? (gap ? null : points.filter((p) => p.at < from).pop());
    if (point) {
      // A day with a P1 meter may have steps by the inverter's own.
      const by = ['inverter', 'mixed'].includes(point.grid_source) ? t(`by_${point.grid_source}`) : '';
      const note = this.#isUnmetered(point) ? t('meter_not_read') : by;
      return { title: [span, note].filter(Boolean).join(', '), values: texts(point) };
    }
    const cause = gap ? causeOf(gap.cause) : '';
    return { title: [said(span, t('no_readings')), cause].filter(Boolean).join(', '), values: {} };
  }

  // Without a pointer: what all of it is, which is known only after an answer.
  #all(points) {
    const { isKnown, words, zone, stepMs, start, end } = this.#data;
    if (!isKnown) return { title: words ?? t('loading'), values: {} };
    if (!points.length) return { title: t('no_readings_on_day'), values: {} };
    const best = points.reduce((most, p) => (p.solar > most.solar ? p : most));
    if (!(best.solar > 0)) return { title: t('no_sun_yet'), values: {} };
    const time = hourMinute(best.at, zone);
    const span = end - start < 20 * 3600e3 ? hours(start, end, zone) : null;
    const title = t('most_sun', { power: texts(best).solar, time: stepMs < 60e3 ? clock(best.at, zone) : time });
    return { title: span ? said(span, title) : title, values: {} };
  }

  // Where there is a meter, but not in this step.
  #isUnmetered(p) {
    return this.meter !== 'none' && (p.house === null || p.grid === null);
  }

  #x(ms) {
    const { start, end } = this.#data;
    return LEFT + ((ms - start) / (end - start)) * (this.svg.clientWidth - LEFT - this.#right);
  }

  paint(width) {
    const { points, gaps, stepMs, start, end } = this.#data;
    const now = Math.min(this.#data.now, end);
    const bottom = this.height - BOTTOM;
    const right = width - this.#right;
    const up = Math.max(0, ...points.map((p) => Math.max(sum(p, UP), p.house ?? 0, p.clear ?? 0)));
    const down = Math.max(0, ...points.map((p) => Math.max(sum(p, DOWN), -p.house)));
    const { y, ticks } = points.length ? axis(up / 1000, down / 1000, TOP, bottom) : axis(1, 1, TOP, bottom);
    const runs = runsOf(points, gaps, stepMs, now);
    const charge = (pct) => bottom - (pct / 100) * (bottom - TOP);
    const soc = this.hasBattery
      ? [0, 50, 100].map((pct) => svg('text', { x: right + 6, y: charge(pct) + 4, class: 'tick' }, percent(pct)))
      : [];
    return [
      ...this.grid(ticks, y, LEFT, right, 'kW'),
      ...this.#areas(runs, y),
      ...this.#band(runs, y),
      ...soc,
      ...this.#hours(width, bottom),
      ...this.#lines(runs, 'house', (p) => y(p.house / 1000), 'load-line'),
      ...this.#lines(runs, 'clear', (p) => y(p.clear / 1000), 'clear-line'),
      ...(this.hasBattery ? this.#lines(runs, 'charge_level', (p) => charge(p.charge_level), 'soc-line') : []),
      ...this.#unmetered(runs, bottom),
      ...gaps.flatMap((gap) => this.#gap(gap, start, Math.min(end, Math.max(now, start)), bottom)),
      ...this.#nowLine(bottom),
    ];
  }

  #areas(runs, y) {
    return [
      [UP, 1],
      [DOWN, -1],
    ].flatMap(([stack, sign]) =>
      stack.flatMap(([key, colour], level) =>
        split(knownIn(runs, key), (p) => p[key] > 0 || colour === 'house-area').flatMap((run) => {
          const edge = (levels) => this.#steps(run, (p) => y((sign * sum(p, stack.slice(0, levels))) / 1000));
          const d = `M${edge(level + 1).join('L')}L${edge(level).reverse().join('L')}Z`;
          return this.coloured('path', { d }, colour, 'area');
        }),
      ),
    );
  }

  // Between the least and the most sun of each step.
  #band(runs, y) {
    return split(runs, (p) => p.least !== null && p.most - p.least > 20).map((run) => {
      const edge = (key) => this.#steps(run, (p) => y(p[key] / 1000));
      return svg('path', { d: `M${edge('most').join('L')}L${edge('least').reverse().join('L')}Z`, class: 'band' });
    });
  }

  // The corners of a stepped line.
  #steps(run, height) {
    return run.flatMap((p) => {
      const level = height(p).toFixed(1);
      return [`${this.#x(p.at).toFixed(1)} ${level}`, `${this.#x(p.until).toFixed(1)} ${level}`];
    });
  }

  #lines(runs, key, height, type) {
    return knownIn(runs, key).map((run) =>
      svg('path', { d: `M${this.#steps(run, height).join('L')}`, class: type }),
    );
  }

  // A foot under what the meter did not say.
  #unmetered(runs, bottom) {
    return split(runs, (p) => this.#isUnmetered(p)).map((run) => {
      const [from, to] = [this.#x(run[0].at), this.#x(run[run.length - 1].until)];
      return this.hatched(from, bottom - FOOT, to - from, FOOT);
    });
  }

  #hours(width, bottom) {
    const { start, end, zone } = this.#data;
    const room = (width - LEFT - this.#right) / (end - start); // px a ms
    const every = MARKS.find((minutes) => minutes * 60e3 * room > (minutes < 60 ? 52 : 38)) ?? 360;
    const marks = [];
    let before = null; // an hour that clocks show twice is written once
    const step = Math.min(every, 15) * 60e3; // midnight may be at any quarter of an hour of UTC
    for (let at = Math.ceil(start / step) * step; at <= end; at += step) {
      const minute = minuteOf(at, zone);
      if (minute % every) continue;
      const x = this.#x(at);
      marks.push(svg('line', { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'zero' }));
      const text = every < 60 ? hourMinute(at, zone) : hourAlone(at, zone);
      if (text !== before) marks.push(svg('text', { x, y: bottom + 17, class: 'tick middle' }, text));
      before = text;
    }
    return marks;
  }

  // Hatched, with an arrow at the end that is not its own: it goes on beyond what is shown.
  #gap(gap, start, until, bottom) {
    const [from, to] = [Math.max(gap.start, start), Math.min(gap.end, until)];
    if (to <= from) return [];
    const [left, right] = [this.#x(from), this.#x(to)];
    const arrow = (x, d) => svg('path', { d, transform: `translate(${x.toFixed(1)} ${TOP + 10})`, class: 'goes-on' });
    return [
      this.hatched(left, TOP, right - left, bottom - TOP),
      gap.start < start ? arrow(left + 3, 'M6 -5L0 0L6 5Z') : '',
      gap.end > until && until === this.#data.end ? arrow(right - 3, 'M-6 -5L0 0L-6 5Z') : '',
    ];
  }

  #nowLine(bottom) {
    const { start, end, now } = this.#data;
    if (now <= start || now >= end) return [];
    return [svg('line', { x1: this.#x(now), x2: this.#x(now), y1: TOP, y2: bottom, class: 'now' })];
  }
}

const sum = (p, stack) => stack.reduce((total, [key]) => total + (p[key] ?? 0), 0);
