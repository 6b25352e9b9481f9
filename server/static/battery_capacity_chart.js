// What the battery could hold, event by event: a dot for each, by its temperature; the interval of each year; what the
// battery says of itself; and what its warranty promises.

import { capital } from './battery_words.js';
import { Chart, axisAround } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { glyph } from './swatch.js';
import { energy, longDay, temperature, when } from './words.js';
import { dateOf, noon } from './zone.js';

const LEFT = 44;
const RIGHT = 10;
const TOP = 24;
const BOTTOM = 22;
const [COLD_C, HOT_C] = [10, 30];
const DAY_MS = 86400e3;
const NARROW_PX = 560;
const MARKS = { cold: 'down', mild: 'dot', hot: 'up' };
const COLOURS = { cold: 'import', mild: 'charge', hot: 'solar' };
const KINDS = Object.keys(MARKS);

// As cold as it then gives less; as warm as it ages sooner.
export function kindOf(celsius) {
  if (celsius === null || (celsius >= COLD_C && celsius <= HOT_C)) return 'mild';
  return celsius < COLD_C ? 'cold' : 'hot';
}

export class BatteryCapacityChart extends Chart {
  #data = null;

  constructor() {
    const dots = KINDS.map((kind) => ({ key: kind, name: t(`battery_dot_${kind}`), colour: COLOURS[kind], shape: MARKS[kind] }));
    super({
      label: t('battery_capacity_chart'),
      items: [
        ...dots,
        { key: 'year', name: t('battery_band_year'), colour: 'soc' },
        { key: 'told', name: t('battery_line_soh'), colour: 'house', shape: 'line' },
        { key: 'warranty', name: t('battery_line_warranty'), colour: 'clear', shape: 'dashes' },
      ],
      height: 320,
    });
  }

  // events: [{at, kwh, celsius or null}], in order; years: [{from, to, kwh, low, high}], low and high null where
  // there are too few; told: [{at, kwh}], what the battery says; warranty: kWh, or null; zone.
  show(data) {
    this.#data = data;
    const { events, years, told, warranty } = data;
    this.hide([
      ...KINDS.filter((kind) => !events.some(({ celsius }) => kindOf(celsius) === kind)),
      ...(years.some(({ low }) => low !== null) ? [] : ['year']),
      ...(told.length > 1 ? [] : ['told']),
      ...(warranty === null ? ['warranty'] : []),
    ]);
    this.renew(`${events.length} ${events[0]?.at}`);
  }

  slots() {
    return this.#data?.events.length ?? 0;
  }

  slotAt(x) {
    const { events } = this.#data ?? { events: [] };
    const off = events.map(({ at }) => Math.abs(this.#x(at) - x));
    return off.indexOf(Math.min(...off));
  }

  slotX(slot) {
    return [this.#x(this.#data.events[slot].at) - 6, 12];
  }

  tell(slot) {
    if (!this.#data) return { title: t('loading'), values: {} };
    const { events, years, told, warranty, zone } = this.#data;
    if (slot === null) return { title: capital(t('battery_n_events', { n: events.length })), values: {} };
    const { at, kwh, celsius } = events[slot];
    const year = years.find(({ from, to }) => at >= from && at < to);
    const said = told.filter((one) => one.at <= at).pop();
    const values = {
      [kindOf(celsius)]: celsius === null ? energy(kwh) : `${energy(kwh)}, ${temperature(celsius)}`,
      year: year && year.low !== null ? `${energy(year.low)} – ${energy(year.high)}` : null,
      told: said ? energy(said.kwh) : null,
      warranty: warranty === null ? null : energy(warranty),
    };
    return { title: longDay(at, zone), values };
  }

  get #span() {
    const { events, told, until } = this.#data;
    const begin = Math.min(events[0]?.at ?? until - DAY_MS, told[0]?.at ?? Infinity);
    return [begin, Math.max(until, begin + DAY_MS)];
  }

  #x(ms) {
    const [begin, end] = this.#span;
    return LEFT + 8 + ((ms - begin) / (end - begin)) * (this.svg.clientWidth - LEFT - RIGHT - 16);
  }

  paint(width) {
    if (!this.#data) return [];
    const { events, years, told, warranty } = this.#data;
    const bottom = this.height - BOTTOM;
    const values = [...events, ...told].map(({ kwh }) => kwh).concat(years.flatMap(({ low, high }) => [low, high]), warranty);
    const known = values.filter((value) => typeof value === 'number');
    const { y, ticks } = axisAround(Math.min(...known), Math.max(...known), TOP, bottom);
    const right = width - RIGHT;
    return [
      ...this.grid(ticks, y, LEFT, right, 'kWh'),
      ...this.#times(bottom, right),
      ...years.filter(({ low }) => low !== null).flatMap((year) => this.#band(year, y)),
      ...(told.length > 1 ? [svg('path', { d: `M${told.map((one) => this.#at(one, y)).join('L')}`, class: 'curve line-house' })] : []),
      ...(warranty === null ? [] : [svg('path', { d: `M${LEFT} ${y(warranty).toFixed(1)}H${right}`, class: 'curve line-clear' })]),
      ...events.map((event) => this.#dot(event, y)),
    ];
  }

  #at({ at, kwh }, y) {
    return `${this.#x(at).toFixed(1)} ${y(kwh).toFixed(1)}`;
  }

  #band({ from, to, kwh, low, high }, y) {
    const [begin, end] = this.#span;
    const [left, right] = [Math.max(from, begin), Math.min(to, end)].map((at) => this.#x(at).toFixed(1));
    const [top, foot, middle] = [high, low, kwh].map((value) => y(value).toFixed(1));
    return [
      svg('path', { d: `M${left} ${top}H${right}V${foot}H${left}Z`, class: 'fill-soc edge' }),
      svg('path', { d: `M${left} ${middle}H${right}`, class: 'year-middle' }),
    ];
  }

  #dot({ at, kwh, celsius }, y) {
    const kind = kindOf(celsius);
    const size = this.svg.clientWidth < NARROW_PX ? 0.7 : 1;
    const [x, height] = [this.#x(at) - 6 * size, y(kwh) - 6 * size].map((value) => value.toFixed(1));
    const transform = `translate(${x} ${height}) scale(${size})`;
    return svg('path', { d: glyph(MARKS[kind]), transform, class: `fill-${COLOURS[kind]} edge` });
  }

  #times(bottom, right) {
    const { zone } = this.#data;
    const [begin, end] = this.#span;
    const isLong = end - begin > 500 * DAY_MS;
    const isShort = end - begin < 70 * DAY_MS;
    const wanted = Math.max(2, Math.floor((right - LEFT) / 90));
    const evenly = Array.from({ length: wanted }, (_, n) => begin + ((n + 0.5) / wanted) * (end - begin));
    return (isShort ? evenly : monthsWithin(begin, end, zone, wanted)).map((at) => {
      const form = isShort ? { day: 'numeric', month: 'short' } : { month: 'short', year: isLong ? 'numeric' : '2-digit' };
      return svg('text', { x: this.#x(at).toFixed(1), y: bottom + 17, class: 'tick middle' }, when(at, zone, form));
    });
  }
}

const EVERY = [1, 2, 3, 6, 12, 24]; // months

// As many beginnings of months as there is room for, all as far apart.
function monthsWithin(begin, end, zone, most) {
  const [year, month] = dateOf(begin, zone).split('-').map(Number);
  const firsts = Array.from({ length: Math.ceil((end - begin) / (28 * DAY_MS)) + 1 }, (_, n) => year * 12 + month - 1 + n);
  const msOf = (n) => noon(`${Math.floor(n / 12)}-${String((n % 12) + 1).padStart(2, '0')}-01`);
  const within = firsts.filter((n) => msOf(n) >= begin && msOf(n) <= end);
  const every = EVERY.find((step) => within.filter((n) => n % step === 0).length <= most) ?? 60;
  return within.filter((n) => n % every === 0).map(msOf);
}
