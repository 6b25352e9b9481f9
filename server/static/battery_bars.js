// Bars of the battery: its swings by depth, and its efficiency by month, each with a whisker of how sure that is.

import { axis, axisAround } from './chart.js';
import { ColumnChart, box } from './column_chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { said } from './words.js';

const CAP = 4; // at most half of how wide the ends of a whisker are

export class BatteryBars extends ColumnChart {
  #title = null; // null: not known yet

  // items: one, of Chart's; write(value): how it is read out; unit: of the axis; isAround: it need not begin at 0;
  // steps: of how many bars one has its label.
  constructor({ label, items, height = 220, unit, write, isAround = false, steps = [1, 2, 5, 10] }) {
    super({ label, items, height, left: 44, steps });
    Object.assign(this, { unit, write, isAround });
  }

  // bars: [{label, name, value or null, low, high, note}]; title: of all of them.
  show(bars, title) {
    this.#title = title;
    this.renewBars(bars);
  }

  tell(slot) {
    if (slot === null) return { title: this.#title ?? t('loading'), values: {} };
    const { name, value, low, high, note } = this.bars[slot];
    if (value === null) return { title: said(name, note || t('not_measured')), values: {} };
    const range = typeof low === 'number' ? ` (${this.write(low)} – ${this.write(high)})` : '';
    const title = note ? `${name}, ${note}` : name;
    return { title, values: { [this.items[0].key]: `${this.write(value)}${range}` } };
  }

  paint() {
    const { bars, bottom, top } = this;
    const values = bars.flatMap(({ value, low, high }) => [value, low, high]).filter((one) => typeof one === 'number');
    const most = Math.max(...values, this.isAround ? -Infinity : 0);
    const { y, ticks } =
      this.isAround && values.length
        ? axisAround(Math.min(...values), most, top, bottom)
        : axis(Math.max(most, 1e-9), 0, top, bottom);
    return [
      ...this.grid(ticks, y, this.left, this.right, this.unit),
      ...bars.flatMap((bar, slot) => this.#bar(bar, slot, y, bottom)),
      ...this.labels(),
    ];
  }

  #bar({ value, low, high }, slot, y, bottom) {
    const [x, width] = this.slotX(slot);
    const [left, wide] = [x + width * 0.16, width * 0.68];
    if (value === null) return [this.hatched(left, bottom - 8, wide, 8)];
    const top = y(value);
    // A bar that does not begin at 0 would make small differences look large: a dot has no length.
    const dot = { cx: (left + wide / 2).toFixed(1), cy: top.toFixed(1), r: 4 };
    const { colour } = this.items[0];
    const nodes = this.isAround ? this.coloured('circle', dot, colour) : this.coloured('rect', box(left, wide, top, bottom), colour);
    if (typeof low === 'number') nodes.push(whisker(left + wide / 2, y(low), y(high), Math.min(CAP, wide / 2)));
    return nodes;
  }
}

// From one height to another, with an end at each.
function whisker(x, from, to, cap) {
  const [middle, low, high] = [x, from, to].map((value) => value.toFixed(1));
  const end = (y) => `M${(x - cap).toFixed(1)} ${y}H${(x + cap).toFixed(1)}`;
  return svg('path', { d: `M${middle} ${low}V${high}${end(low)}${end(high)}`, class: 'whisker' });
}
