// What charts of columns share: even places from left to right, and under some of them a label.

import { Chart } from './chart.js';
import { svg } from './dom.js';

const RIGHT = 8;
const TOP = 24;
const BOTTOM = 22;

export class ColumnChart extends Chart {
  bars = []; // each has a label and a name

  // left: the room of the axis; steps: of how many columns one has its label.
  constructor({ left, steps, ...chart }) {
    super(chart);
    [this.left, this.top, this.steps] = [left, TOP, steps];
  }

  // Draw these from now on.
  renewBars(bars) {
    this.bars = bars;
    this.renew(`${bars.length} ${bars[0]?.name}`);
  }

  get right() {
    return this.svg.clientWidth - RIGHT;
  }

  get bottom() {
    return this.height - BOTTOM;
  }

  get slotWidth() {
    return (this.right - this.left) / Math.max(this.bars.length, 1);
  }

  slots() {
    return this.bars.length;
  }

  start() {
    return 0;
  }

  slotAt(x) {
    return Math.floor((x - this.left) / this.slotWidth);
  }

  slotX(slot) {
    return [this.left + slot * this.slotWidth, this.slotWidth];
  }

  // Of how many columns one has its label, so that they do not touch.
  get labelEvery() {
    const needed = 10 + 7 * Math.max(...this.bars.map(({ label }) => label.length), 0);
    return this.steps.find((n) => n * this.slotWidth >= needed) ?? 20;
  }

  labels(textOf = ({ label }) => label) {
    const every = this.labelEvery;
    return this.bars.map((bar, slot) => {
      const x = this.left + (slot + 0.5) * this.slotWidth;
      const place = { x: x.toFixed(1), y: this.bottom + 17, class: 'tick middle' };
      return slot % every ? '' : svg('text', place, textOf(bar));
    });
  }
}

// A rectangle from one height down to another.
export const box = (x, width, high, low) => ({
  x: x.toFixed(1),
  y: high.toFixed(1),
  width: width.toFixed(1),
  height: Math.max(low - high, 0).toFixed(1),
});
