// What all charts share: a figure that draws itself again at each size, a line of chips that name its colours, a
// read-out that follows pointer, finger or keyboard, and hatching for what is not known.

import { load, trouble } from './api.js';
import { el, say, set, svg } from './dom.js';
import { Gestures } from './gestures.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { swatch, hasTexture } from './swatch.js';
import { boxOf, hatchIn, textureIn } from './texture.js';
import { axisNumber } from './words.js';

let charts = 0;

export class Chart {
  #selected = null;
  #shows = null; // what it is of
  #names;

  // items: {key, name, colour, shape, mark} of the legend; height: unless the style sheet says otherwise.
  constructor({ label, items, height }) {
    [this.height, this.items] = [height, items];
    this.id = `chart-${++charts}`;
    this.title = el('p', { class: 'chart-title' });
    this.#names = new Map(items.map((item) => [item.key, chip(item)]));
    this.hidden = new Set();
    this.legend = el('ul', { class: 'legend', 'aria-label': t('legend_of', { label }) }, [...this.#names.values()]);
    this.readout = el('div', { class: 'readout', 'aria-hidden': true, hidden: true });
    this.svg = svg('svg', {
      class: 'chart',
      height,
      width: '100%',
      tabindex: 0,
      role: 'slider',
      'aria-label': label,
      'aria-orientation': 'horizontal',
      'aria-valuemin': 0,
      'aria-valuemax': 0,
      'aria-valuenow': 0,
      'aria-valuetext': t('loading'),
    });
    const stage = el('div', { class: 'stage' }, this.svg, this.readout);
    const enlarge = { type: 'button', class: 'full-size', 'aria-label': t('full_size'), 'aria-haspopup': 'dialog' };
    this.opener = el('button', { ...enlarge, click: () => this.#enlarge() }, icon('expand'));
    const head = el('div', { class: 'chart-head' }, this.title, this.opener);
    this.element = el('figure', { class: 'chart-box' }, head, this.legend, stage);
    this.gestures = new Gestures(this);
    set(this.svg, { keydown: (event) => this.#key(event), blur: () => this.select(null) });
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  // A chart gives: slots() the number of things one can point at, slotAt(x, y), slotX(slot) -> [x, width]
  // and, where it is not all of the height, y and height too,
  // tell(slot or null) -> {title, values: {key: text}}, and paint(width) -> nodes; beside(slot, key of an arrow) where
  // slots lie above each other, too.
  draw() {
    this.#fitLegend();
    const width = Math.round(this.svg.clientWidth);
    if (!width) return;
    this.height = Math.round(this.svg.clientHeight) || this.height;
    set(this.svg, { viewBox: `0 0 ${width} ${this.height}` });
    this.clips = 0;
    this.cursor = svg('rect', { class: 'cursor' });
    this.span = svg('rect', { class: 'span-chosen off', y: 0, height: this.height - 22 });
    this.svg.replaceChildren(...this.paint(width), this.cursor, this.span);
    this.select(this.#selected);
  }

  // One line on a phone fades where there is more.
  #fitLegend() {
    this.legend.classList.remove('more');
    const isMore = this.legend.scrollWidth > this.legend.clientWidth + 1;
    this.legend.classList.toggle('more', isMore);
    set(this.legend, { tabindex: isMore ? 0 : null }); // who has only keys has to scroll it, too
  }

  // Draw what is new, and go on pointing at the same place as long as it is of the same: `of`.
  renew(of) {
    if (this.#shows !== of) this.#selected = null;
    this.#shows = of;
    this.draw();
    this.select(this.#selected);
  }

  async #enlarge() {
    try {
      (await load(() => import('./full_size.js'))).enlarge(this);
    } catch (thrown) {
      say(document.getElementById('announcer'), trouble(thrown)?.message ?? '');
    }
  }

  get selected() {
    return this.#selected;
  }

  // Leave these out of the legend: nothing of theirs is shown.
  hide(keys) {
    this.hidden = new Set(keys);
    for (const [key, node] of this.#names) node.hidden = this.hidden.has(key);
    this.#fitLegend();
  }

  select(slot) {
    const last = this.slots() - 1;
    this.#selected = slot === null || last < 0 ? null : Math.max(0, Math.min(slot, last));
    const { title, values } = this.tell(this.#selected);
    say(this.title, title);
    const told = this.items.filter(({ key }) => values[key] && !this.hidden.has(key));
    const spoken = [title, ...told.map(({ key, name }) => `${name} ${values[key]}`)].join(', ');
    set(this.svg, {
      'aria-valuemax': Math.max(last, 0),
      'aria-valuenow': this.#selected ?? Math.max(last, 0),
      'aria-valuetext': spoken,
    });
    if (!this.cursor) return;
    this.cursor.classList.toggle('off', this.#selected === null);
    this.readout.hidden = this.#selected === null || !told.length;
    if (this.#selected === null) return;
    const [x, width, y = 0, height = this.height - 22] = this.slotX(this.#selected);
    set(this.cursor, { x: x.toFixed(1), width: Math.max(width, 1).toFixed(1), y, height });
    if (told.length) this.#float(title, told, values, x, width);
  }

  // Beside what is pointed at, on the side with more room.
  #float(title, told, values, x, width) {
    const lines = told.map((item) =>
      el('div', {}, el('dt', {}, swatch(item.colour, item.shape, item.mark), item.name), el('dd', {}, values[item.key])),
    );
    this.readout.replaceChildren(el('p', {}, title), el('dl', {}, lines));
    const [room, own] = [this.svg.clientWidth, this.readout.offsetWidth];
    const isLeft = x + width / 2 > room / 2;
    const at = isLeft ? x - own - 12 : x + width + 12;
    this.readout.style.transform = `translateX(${Math.round(Math.max(0, Math.min(at, room - own)))}px)`;
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
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' && this.#selected !== null) this.open?.(this.#selected);
    if (this.zoomed && ['+', '-'].includes(event.key)) this.zoomed(around(here, event.key, last));
    // With nothing to let go of, Escape closes what the chart is in.
    if (!(event.key in moves) || (event.key === 'Escape' && this.#selected === null)) return;
    event.preventDefault();
    this.select(this.beside?.(here, event.key) ?? moves[event.key]);
  }

  hatched(x, y, width, height) {
    const box = { x, y, width: Math.max(width, 1), height: Math.max(height, 0) };
    const ground = svg('rect', { ...rounded(box), class: 'hatch-ground' });
    return svg('g', { class: 'hatched' }, ground, svg('path', hatchIn(box)));
  }

  // The same of any shape within a box.
  hatchedShape(d, box) {
    return [svg('path', { d, class: 'hatch-ground hatched' }), ...this.#clipped('path', { d }, hatchIn(box))];
  }

  // A shape in a colour, with its edge, and over it the colour's texture.
  coloured(tag, attributes, colour, type = '') {
    const nodes = [svg(tag, { ...attributes, class: `${type} fill-${colour} edge` })];
    if (!hasTexture(colour)) return nodes;
    if (tag !== 'rect') return [...nodes, ...this.#clipped(tag, attributes, textureIn(colour, boxOf(numbers(attributes))))];
    return [...nodes, svg('path', textureIn(colour, numbers(attributes)))];
  }

  // Lines, of which is seen what lies within the shape.
  #clipped(tag, attributes, lines) {
    const id = `${this.id}-${++this.clips}`;
    return [svg('clipPath', { id }, svg(tag, attributes)), svg('path', { ...lines, 'clip-path': `url(#${id})` })];
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

const rounded = (box) => Object.fromEntries(Object.entries(box).map(([key, value]) => [key, value.toFixed(1)]));
const numbers = ({ d, ...box }) => ({ d, ...Object.fromEntries(Object.entries(box).map(([key, value]) => [key, Number(value)])) });
const chip = ({ name, colour, shape, mark }) => el('li', {}, swatch(colour, shape, mark), name);

// Half of what there is around a place, or all that there was before: null.
function around(here, key, last) {
  if (key === '-') return null;
  const quarter = Math.max(1, Math.round(last / 4));
  return [Math.max(0, here - quarter), Math.min(last, here + quarter)];
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

// An axis around values that need not reach zero.
export function axisAround(least, most, top, bottom) {
  const step = niceStep(Math.max(most - least, 1e-6), 4);
  const low = Math.floor(least / step + 1e-6) * step;
  const high = Math.max(Math.ceil(most / step - 1e-6) * step, low + step);
  const ticks = [];
  for (let n = 0; n <= Math.round((high - low) / step); n++) ticks.push(low + n * step);
  return { y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top), ticks };
}
