// Bars of the battery: its swings by depth, and its efficiency by month, each with a whisker of how sure that is.

import { Chart, axis, axisAround } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';

const LEFT = 44;
const RIGHT = 8;
const TOP = 24;
const BOTTOM = 22;
const CAP = 4; // at most half of how wide the ends of a whisker are

export class BatteryBars extends Chart {
  #bars = null;
  #title = '';

  // items: one, of Chart's; write(value): how it is read out; unit: of the axis; isAround: it need not begin at 0;
  // steps: of how many bars one has its label.
  constructor({ label, items, height = 220, unit, write, isAround = false, steps = [1, 2, 5] }) {
    super({ label, items, height });
    Object.assign(this, { unit, write, isAround, steps });
  }

  // bars: [{label, name, value or null, low, high, note}]; title: of all of them.
  show(bars, title) {
    [this.#bars, this.#title] = [bars, title];
    this.renew(`${bars.length} ${bars[0]?.name}`);
  }

  slots() {
    return this.#bars?.length ?? 0;
  }

  start() {
    return 0;
  }

  slotAt(x) {
    return Math.floor((x - LEFT) / this.#slotWidth());
  }

  slotX(slot) {
    return [LEFT + slot * this.#slotWidth(), this.#slotWidth()];
  }

  tell(slot) {
    if (slot === null) return { title: this.#bars ? this.#title : t('loading'), values: {} };
    const { name, value, low, high, note } = this.#bars[slot];
    if (value === null) return { title: `${name}: ${note || t('not_measured')}`, values: {} };
    const range = typeof low === 'number' ? ` (${this.write(low)} – ${this.write(high)})` : '';
    const title = note ? `${name}, ${note}` : name;
    return { title, values: { [this.items[0].key]: `${this.write(value)}${range}` } };
  }

  #slotWidth() {
    return (this.svg.clientWidth - LEFT - RIGHT) / Math.max(this.slots(), 1);
  }

  paint(width) {
    const bars = this.#bars ?? [];
    const bottom = this.height - BOTTOM;
    const values = bars.flatMap(({ value, low, high }) => [value, low, high]).filter((one) => typeof one === 'number');
    const most = Math.max(...values, this.isAround ? -Infinity : 0);
    const { y, ticks } =
      this.isAround && values.length
        ? axisAround(Math.min(...values), most, TOP, bottom)
        : axis(Math.max(most, 1e-9), 0, TOP, bottom);
    return [
      ...this.grid(ticks, y, LEFT, width - RIGHT, this.unit),
      ...bars.flatMap((bar, slot) => this.#bar(bar, slot, y, bottom)),
    ];
  }

  #bar({ label, value, low, high }, slot, y, bottom) {
    const [x, width] = this.slotX(slot);
    const [left, wide] = [x + width * 0.16, width * 0.68];
    const nodes = [this.#label(label, slot, bottom)];
    if (value === null) return [...nodes, this.hatched(left, bottom - 8, wide, 8)];
    const top = y(value);
    const box = { x: left.toFixed(1), y: top.toFixed(1), width: wide.toFixed(1), height: Math.max(bottom - top, 0).toFixed(1) };
    // A bar that does not begin at 0 would make small differences look large: a dot has no length.
    const dot = { cx: (left + wide / 2).toFixed(1), cy: top.toFixed(1), r: 4 };
    nodes.push(...(this.isAround ? this.coloured('circle', dot, this.items[0].colour) : this.coloured('rect', box, this.items[0].colour)));
    if (typeof low === 'number') nodes.push(whisker(left + wide / 2, y(low), y(high), Math.min(CAP, wide / 2)));
    return nodes;
  }

  #label(label, slot, bottom) {
    const needed = 8 + 7 * Math.max(...this.#bars.map((bar) => bar.label.length));
    const every = this.steps.find((n) => n * this.#slotWidth() >= needed) ?? 12;
    if (slot % every) return '';
    const x = LEFT + (slot + 0.5) * this.#slotWidth();
    return svg('text', { x: x.toFixed(1), y: bottom + 17, class: 'tick middle' }, label);
  }
}

// From one height to another, with an end at each.
function whisker(x, from, to, cap) {
  const [middle, low, high] = [x, from, to].map((value) => value.toFixed(1));
  const end = (y) => `M${(x - cap).toFixed(1)} ${y}H${(x + cap).toFixed(1)}`;
  return svg('path', { d: `M${middle} ${low}V${high}${end(low)}${end(high)}`, class: 'whisker' });
}

