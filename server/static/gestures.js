// Pointer and fingers on a chart: one points, a mouse that is dragged or two fingers that are spread choose a span.

import { set } from './dom.js';

const DRAG_PX = 12;

export class Gestures {
  #fingers = new Map(); // pointer to where it began and where it is
  #from = null; // where a drag of the mouse began
  #byTouch = false;
  #wasDragged = false;

  // chart: with svg, select, slotAt; `zoomed([first slot, last slot])` where spans can be chosen, `open(slot)`.
  constructor(chart) {
    this.chart = chart;
    set(chart.svg, {
      pointerdown: (event) => this.#down(event),
      pointermove: (event) => this.#move(event),
      pointerup: (event) => this.#up(event),
      pointercancel: (event) => this.#end(event),
      pointerleave: (event) => event.pointerType === 'mouse' && this.#from === null && chart.select(null),
      // A finger points to read; only a mouse, which can point without it, opens by a click.
      click: (event) => this.#byTouch || this.#wasDragged || chart.open?.(this.#slot(event)),
    });
  }

  #x(event) {
    return event.clientX - this.chart.svg.getBoundingClientRect().left;
  }

  #slot(event) {
    const { left, top } = this.chart.svg.getBoundingClientRect();
    return this.chart.slotAt(event.clientX - left, event.clientY - top);
  }

  #down(event) {
    this.#byTouch = event.pointerType !== 'mouse';
    this.#wasDragged = false;
    const x = this.#x(event);
    if (this.#byTouch) this.#fingers.set(event.pointerId, { from: x, to: x });
    else if (this.chart.zoomed && event.button === 0) this.#from = x;
    this.chart.select(this.#slot(event));
  }

  #move(event) {
    const finger = this.#fingers.get(event.pointerId);
    if (finger) finger.to = this.#x(event);
    if (this.#fingers.size > 1) return;
    this.chart.select(this.#slot(event));
    if (this.#from !== null) this.#mark(this.#from, this.#x(event));
  }

  #mark(from, to) {
    const { span } = this.chart;
    if (!span) return;
    span.classList.toggle('off', Math.abs(to - from) < DRAG_PX);
    set(span, { x: Math.min(from, to).toFixed(1), width: Math.abs(to - from).toFixed(1) });
  }

  #up(event) {
    const { chart } = this;
    if (this.#from !== null) {
      const to = this.#x(event);
      this.#wasDragged = Math.abs(to - this.#from) >= DRAG_PX;
      const ends = [this.#from, to].sort((a, b) => a - b).map((x) => chart.slotAt(x, 0));
      this.#from = null;
      this.#mark(0, 0);
      if (this.#wasDragged) chart.zoomed(ends);
    }
    if (this.#fingers.size === 2 && chart.zoomed) this.#pinched();
    this.#end(event);
  }

  // What lay between the fingers at first is as wide as they are apart now.
  #pinched() {
    const [a, b] = [...this.#fingers.values()].sort((one, other) => one.from - other.from);
    const [before, after] = [b.from - a.from, Math.abs(b.to - a.to)];
    const { chart } = this;
    if (Math.abs(after - before) < 2 * DRAG_PX) return;
    if (after < before) {
      chart.zoomed(null);
      return;
    }
    const scale = before / after;
    const left = a.from - Math.min(a.to, b.to) * scale;
    chart.zoomed([left, left + chart.svg.clientWidth * scale].map((x) => chart.slotAt(x, 0)));
  }

  #end(event) {
    this.#fingers.delete(event.pointerId);
    this.#from = null;
  }
}
