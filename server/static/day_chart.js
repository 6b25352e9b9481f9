// One local day: sources stacked above zero, uses below, the house as a line, the battery's charge on the
// right axis. Each step is the mean of its bucket; what was not measured is hatched, never zero.

import { Chart, axis } from './chart.js';
import { svg } from './dom.js';
import { hours, percent, power, signedPower, when } from './words.js';
import { minuteOf } from './zone.js';

const ITEMS = [
  { key: 'solar', name: 'Solar', colour: 'solar' },
  { key: 'battery_out', name: 'Battery out', colour: 'discharge' },
  { key: 'import', name: 'Import', colour: 'import' },
  { key: 'house', name: 'House', colour: 'house', shape: 'line' },
  { key: 'battery_in', name: 'Battery in', colour: 'charge' },
  { key: 'export', name: 'Export', colour: 'export' },
  { key: 'charge_level', name: 'State of charge', colour: 'soc', shape: 'dashes' },
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
const AT_THE_METER = ['import', 'house', 'export'];
const LEFT = 36;
const RIGHT = 46;
const TOP = 24;
const BOTTOM = 22;
const FOOT = 6;

export class DayChart extends Chart {
  #data = { start: 0, end: 86400e3, points: [], gaps: [], now: 0, zone: 'UTC', stepMs: 300e3 };
  #byStep = new Map();

  constructor() {
    super({ label: 'Power through the day', items: ITEMS, height: 330 });
  }

  // start, end, now: ms; buckets as /v1/series gives them; gaps: {start, end, cause} in ms; meter: as meter.js has it.
  // causeOf(cause): in words.
  show({ start, end, now, zone, buckets, gaps, stepMs, meter, causeOf }) {
    const points = buckets.filter((bucket) => bucket.avg_pv_power_w !== null).map(pointOf);
    this.#data = { start, end, points, gaps, now, zone, stepMs, causeOf };
    this.meter = meter;
    this.hide(meter === 'there' ? [] : AT_THE_METER);
    this.feedsIn = points.some((p) => p.fed_in >= 5);
    this.#byStep = new Map(points.map((p) => [Math.floor((p.at - start) / stepMs), p]));
    this.draw();
    this.select(null);
  }

  slots() {
    const { start, end, now, stepMs } = this.#data;
    return Math.ceil((Math.min(end, Math.max(now, start)) - start) / stepMs);
  }

  slotAt(x) {
    const { start, end, stepMs } = this.#data;
    const share = (x - LEFT) / (this.svg.clientWidth - LEFT - RIGHT);
    return Math.floor((share * (end - start)) / stepMs);
  }

  slotX(slot) {
    const { start, stepMs } = this.#data;
    const x = this.#x(start + slot * stepMs);
    return [x, this.#x(start + (slot + 1) * stepMs) - x];
  }

  tell(slot) {
    const { start, zone, points, gaps, stepMs, causeOf } = this.#data;
    if (slot === null) return this.#newest(points);
    const from = start + slot * stepMs;
    const span = hours(from, from + stepMs, zone);
    const gap = gaps.find((g) => g.start < from + stepMs && g.end > from);
    // A reading may stand for longer than a step, and a step may be partly a gap.
    const point = this.#byStep.get(slot) ?? (gap ? null : points.filter((p) => p.at < from).pop());
    if (point) {
      // A day with a P1 meter may have steps by the inverter's own.
      const by = ['inverter', 'mixed'].includes(point.grid_source) ? `, grid by: ${point.grid_source}` : '';
      return { title: `${span}${this.#isUnmetered(point) ? ', meter not read' : by}`, values: texts(point) };
    }
    return { title: `${span}: no readings${gap ? `, ${causeOf(gap.cause)}` : ''}`, values: {} };
  }

  #newest(points) {
    const last = points[points.length - 1];
    if (!last) return { title: 'No readings on this day', values: {} };
    const { stepMs, zone } = this.#data;
    return { title: `${hours(last.at, last.at + stepMs, zone)}, the newest`, values: texts(last) };
  }

  // Where there is a meter, but not in this step.
  #isUnmetered(p) {
    return this.meter !== 'none' && (p.house === null || p.grid === null);
  }

  #x(ms) {
    const { start, end } = this.#data;
    return LEFT + ((ms - start) / (end - start)) * (this.svg.clientWidth - LEFT - RIGHT);
  }

  paint(width) {
    const { points, gaps } = this.#data;
    const bottom = this.height - BOTTOM;
    const up = Math.max(0, ...points.map((p) => Math.max(sum(p, UP), p.house ?? 0)));
    const down = Math.max(0, ...points.map((p) => Math.max(sum(p, DOWN), -p.house)));
    const { y, ticks } = points.length ? axis(up / 1000, down / 1000, TOP, bottom) : axis(1, 1, TOP, bottom);
    const runs = this.#runs(points, gaps);
    const charge = (pct) => bottom - (pct / 100) * (bottom - TOP);
    return [
      ...this.#areas(runs, y),
      ...this.grid(ticks, y, LEFT, width - RIGHT, 'kW'),
      ...[0, 50, 100].map((pct) =>
        svg('text', { x: width - RIGHT + 6, y: charge(pct) + 4, class: 'tick' }, percent(pct)),
      ),
      ...this.#hours(width, bottom),
      ...this.#lines(runs, 'house', (p) => y(p.house / 1000), 'load-line'),
      ...this.#lines(runs, 'charge_level', (p) => charge(p.charge_level), 'soc-line'),
      ...this.#unmetered(runs, bottom),
      ...gaps.map((gap) => this.#gap(gap, bottom)),
      ...this.#nowLine(bottom),
    ];
  }

  // Stretches of points that no gap interrupts.
  #runs(points, gaps) {
    const runs = [];
    let before = null;
    for (const p of points) {
      const torn = !before || gaps.some((g) => g.start < p.at && g.end > before.at + this.#data.stepMs);
      if (torn) runs.push([]);
      runs[runs.length - 1].push(p);
      before = p;
    }
    return runs;
  }

  #areas(runs, y) {
    return [
      [UP, 1],
      [DOWN, -1],
    ].flatMap(([stack, sign]) =>
      stack.flatMap(([key, colour], level) =>
        knownIn(runs, key).map((run) => {
          const edge = (levels) => this.#steps(run, (p) => y((sign * sum(p, stack.slice(0, levels))) / 1000));
          return svg('path', {
            d: `M${edge(level + 1).join('L')}L${edge(level).reverse().join('L')}Z`,
            class: `area fill-${colour}`,
          });
        }),
      ),
    );
  }

  // The corners of a stepped line.
  #steps(run, height) {
    return run.flatMap((p, index) => {
      const until = run[index + 1]?.at ?? p.at + this.#data.stepMs;
      const level = height(p).toFixed(1);
      return [`${this.#x(p.at).toFixed(1)} ${level}`, `${this.#x(until).toFixed(1)} ${level}`];
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
      const [from, to] = [run[0], run[run.length - 1]].map((p) => this.#x(p.at));
      return this.hatched(
        from,
        bottom - FOOT,
        to - from + this.#x(this.#data.start + this.#data.stepMs) - LEFT,
        FOOT,
      );
    });
  }

  #hours(width, bottom) {
    const { start, end, zone } = this.#data;
    const every = width < 560 ? 6 : 3;
    const marks = [];
    let before = null; // an hour that clocks show twice is written once
    for (let at = start; at <= end; at += 1800e3) {
      const minute = minuteOf(at, zone);
      if (minute % (every * 60)) continue;
      const x = this.#x(at);
      marks.push(svg('line', { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: 'zero' }));
      const hour = when(at, zone, { hour: 'numeric' });
      if (hour !== before) marks.push(svg('text', { x, y: bottom + 17, class: 'tick middle' }, hour));
      before = hour;
    }
    return marks;
  }

  #gap(gap, bottom) {
    const { start, end } = this.#data;
    const [from, to] = [Math.max(gap.start, start), Math.min(gap.end, end)];
    return to > from ? this.hatched(this.#x(from), TOP, this.#x(to) - this.#x(from), bottom - TOP) : '';
  }

  #nowLine(bottom) {
    const { start, end, now } = this.#data;
    if (now <= start || now >= end) return [];
    return [svg('line', { x1: this.#x(now), x2: this.#x(now), y1: TOP, y2: bottom, class: 'now' })];
  }
}

// The parts of runs that are so, each whole.
function split(runs, isSo) {
  return runs.flatMap((run) => {
    const parts = [[]];
    for (const p of run) {
      if (isSo(p)) parts[parts.length - 1].push(p);
      else if (parts[parts.length - 1].length) parts.push([]);
    }
    return parts.filter((part) => part.length);
  });
}

// Those in which a value is known: what was not measured is not drawn.
const knownIn = (runs, key) => split(runs, (p) => p[key] !== null);

const sum = (p, stack) => stack.reduce((total, [key]) => total + (p[key] ?? 0), 0);

// The one direction of a power, null where it is not known.
const one = (watts, sign) => (watts === null ? null : Math.max(sign * watts, 0));

function pointOf(bucket) {
  const battery = bucket.avg_battery_power_w ?? 0;
  const [house, out] = [bucket.avg_load_power_w, bucket.avg_export_power_w];
  return {
    at: Date.parse(bucket.bucket),
    grid_source: bucket.grid_source,
    solar: bucket.avg_pv_power_w,
    battery_out: Math.max(-battery, 0),
    grid: out,
    import: one(out, -1),
    house,
    use: one(house, 1),
    fed_in: one(house, -1), // by another generator behind the same meter
    battery_in: Math.max(battery, 0),
    export: one(out, 1),
    charge_level: bucket.avg_battery_soc_pct,
    battery_known: bucket.avg_battery_power_w !== null,
  };
}

function texts(p) {
  const battery = (watts) => power(p.battery_known ? watts : null);
  return {
    solar: power(p.solar),
    battery_out: battery(p.battery_out),
    import: power(p.import),
    house: signedPower(p.house),
    battery_in: battery(p.battery_in),
    export: power(p.export),
    charge_level: percent(p.charge_level),
  };
}
