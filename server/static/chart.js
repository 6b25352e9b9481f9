// What all charts share: a figure that draws itself again at each width, a legend that shows the values
// under pointer, finger or keyboard, and hatching for what is not known.

import { el, say, set, svg } from './dom.js';
import { axisNumber } from './words.js';

let patterns = 0;

export class Chart {
  #selected = null;
  #byTouch = false;

  // items: {key, name, colour, shape} of the legend.
  constructor({ label, items, height }) {
    this.height = height;
    this.hatch = `hatch-${++patterns}`;
    this.title = el('p', { class: 'chart-title' });
    this.values = new Map(items.map((item) => [item.key, el('dd', {}, '')]));
    this.hidden = new Set();
    this.legend = el(
      'dl',
      { class: 'legend' },
      items.map((item) =>
        el(
          'div',
          {},
          el('dt', {}, el('span', { class: `swatch ${item.shape ?? 'box'} bg-${item.colour}` }), item.name),
          this.values.get(item.key),
        ),
      ),
    );
    this.svg = svg('svg', {
      class: 'chart',
      height,
      width: '100%',
      tabindex: 0,
      role: 'slider',
      'aria-label': label,
      'aria-orientation': 'horizontal',
      'aria-valuemin': 0,
    });
    this.element = el('figure', { class: 'chart-box' }, this.title, this.legend, this.svg);
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  // A chart gives: slots() the number of things one can point at, slotAt(x, y), slotX(slot) -> [x, width]
  // and, where it is not all of the height, y and height too,
  // tell(slot or null) -> {title, values: {key: text}}, and paint(width) -> nodes.
  draw() {
    const width = Math.round(this.svg.clientWidth);
    if (!width) return;
    set(this.svg, { viewBox: `0 0 ${width} ${this.height}` });
    this.cursor = svg('rect', { class: 'cursor' });
    this.svg.replaceChildren(this.#pattern(), ...this.paint(width), this.cursor);
    this.select(this.#selected);
  }

  // Leave these out of the legend: nothing of theirs is shown.
  hide(keys) {
    this.hidden = new Set(keys);
    for (const [key, node] of this.values) node.parentNode.hidden = this.hidden.has(key);
  }

  select(slot) {
    const last = this.slots() - 1;
    this.#selected = slot === null || last < 0 ? null : Math.max(0, Math.min(slot, last));
    const { title, values } = this.tell(this.#selected);
    say(this.title, title);
    for (const [key, node] of this.values) say(node, values[key] ?? '');
    const spoken = [
      title,
      ...[...this.values.keys()]
        .filter((key) => values[key] && !this.hidden.has(key))
        .map((key) => `${key.replaceAll('_', ' ')} ${values[key]}`),
    ].join(', ');
    set(this.svg, {
      'aria-valuemax': Math.max(last, 0),
      'aria-valuenow': this.#selected ?? Math.max(last, 0),
      'aria-valuetext': spoken,
    });
    if (!this.cursor) return;
    this.cursor.classList.toggle('off', this.#selected === null);
    if (this.#selected !== null) {
      const [x, width, y = 0, height = this.height - 22] = this.slotX(this.#selected);
      set(this.cursor, { x: x.toFixed(1), width: Math.max(width, 1).toFixed(1), y, height });
    }
  }

  #listen() {
    const at = (event) => {
      const { left, top } = this.svg.getBoundingClientRect();
      return this.slotAt(event.clientX - left, event.clientY - top);
    };
    set(this.svg, {
      pointermove: (event) => this.select(at(event)),
      pointerdown: (event) => {
        this.#byTouch = event.pointerType !== 'mouse';
        this.select(at(event));
      },
      pointerleave: (event) => event.pointerType === 'mouse' && this.select(null),
      keydown: (event) => this.#key(event),
      // A finger points to read; only a mouse, which can point without it, opens by a click.
      click: (event) => this.#byTouch || this.open?.(at(event)),
      blur: () => this.select(null),
    });
  }

  #key(event) {
    const last = this.slots() - 1;
    const here = this.#selected ?? this.start?.() ?? last;
    const page = Math.max(1, Math.round(last / 12));
    const moves = {
      ArrowRight: here + 1,
      ArrowUp: here + 1,
      ArrowLeft: here - 1,
      ArrowDown: here - 1,
      PageUp: here + page,
      PageDown: here - page,
      Home: 0,
      End: last,
      Escape: null,
    };
    if (event.key === 'Enter' && this.#selected !== null) this.open?.(this.#selected);
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.select(moves[event.key]);
  }

  #pattern() {
    return svg(
      'defs',
      {},
      svg(
        'pattern',
        {
          id: this.hatch,
          width: 5,
          height: 5,
          patternUnits: 'userSpaceOnUse',
          patternTransform: 'rotate(45)',
        },
        svg('rect', { width: 5, height: 5, class: 'hatch-ground' }),
        svg('rect', { width: 1.6, height: 5, class: 'hatch-line' }),
      ),
    );
  }

  hatched(x, y, width, height) {
    return svg('rect', {
      x: x.toFixed(1),
      y: y.toFixed(1),
      width: Math.max(width, 1).toFixed(1),
      height: Math.max(height, 0).toFixed(1),
      fill: `url(#${this.hatch})`,
      class: 'hatched',
    });
  }

  // Lines at the steps of an axis, and its unit above.
  grid(ticks, y, left, right, unit) {
    return [
      svg('text', { x: left - 6, y: 10, class: 'tick end' }, unit),
      ...ticks.flatMap((tick) => [
        svg('line', {
          x1: left,
          x2: right,
          y1: y(tick),
          y2: y(tick),
          class: Math.abs(tick) < 1e-9 ? 'zero' : 'grid',
        }),
        svg('text', { x: left - 6, y: y(tick) + 4, class: 'tick end' }, axisNumber(Math.abs(tick))),
      ]),
    ];
  }
}

// The steps from 0 on that reach as far as needed, about `parts` of them.
function niceStep(most, parts) {
  const raw = Math.max(most, 1e-9) / parts;
  const size = 10 ** Math.floor(Math.log10(raw));
  return size * [1, 2, 5, 10].find((factor) => factor * size >= raw * 0.999);
}

// An axis from -down to up, both rounded up to a step, in pixels from top to bottom.
export function axis(up, down, top, bottom) {
  const step = niceStep(Math.max(up + down, 0.1), 5);
  const high = Math.max(Math.ceil(up / step - 1e-6), 1) * step;
  const low = Math.ceil(down / step - 1e-6) * step;
  const y = (value) => bottom - ((value + low) / (high + low)) * (bottom - top);
  const ticks = [];
  for (let n = Math.round(-low / step); n <= Math.round(high / step); n++) ticks.push(n * step);
  return { y, ticks };
}
