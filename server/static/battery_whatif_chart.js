// Which capacity would have saved how much import in the last year: a curve that flattens, and where this house is.

import { Chart, axis } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { glyph } from './swatch.js';
import { amount, axisNumber, energy, said } from './words.js';

const LEFT = 50;
const RIGHT = 16;
const TOP = 24;
const BOTTOM = 22;

export class BatteryWhatifChart extends Chart {
  #points = null;

  constructor() {
    super({
      label: t('battery_whatif'),
      items: [
        { key: 'saved', name: t('battery_whatif_saved'), colour: 'import', shape: 'line' },
        { key: 'own', name: t('battery_whatif_own'), colour: 'charge', shape: 'dot' },
        { key: 'import', name: t('import'), colour: 'import' },
        { key: 'export', name: t('export'), colour: 'export' },
      ],
      height: 260,
    });
    for (const node of [...this.legend.children].slice(2)) node.remove();
  }

  // points: [{capacity, saved, import, export, isOwn}], by capacity.
  show(points) {
    this.#points = points;
    this.renew(`${points.length}`);
  }

  slots() {
    return this.#points?.length ?? 0;
  }

  start() {
    return this.#points?.findIndex(({ isOwn }) => isOwn) ?? 0;
  }

  slotAt(x) {
    const off = (this.#points ?? []).map(({ capacity }) => Math.abs(this.#x(capacity) - x));
    return off.indexOf(Math.min(...off));
  }

  slotX(slot) {
    return [this.#x(this.#points[slot].capacity) - 7, 14];
  }

  tell(slot) {
    if (!this.#points) return { title: t('loading'), values: {} };
    const own = this.#points.find(({ isOwn }) => isOwn);
    const point = slot === null ? own : this.#points[slot];
    if (!point) return { title: t('battery_whatif_year'), values: {} };
    const name = amount(point.capacity, Number.isInteger(point.capacity) ? 0 : 1, 'kWh');
    const title = point.isOwn ? t('battery_whatif_yours', { energy: name }) : name;
    const values = { saved: energy(point.saved), import: energy(point.import), export: energy(point.export) };
    return { title: slot === null ? said(title, t('battery_whatif_saves', { energy: energy(point.saved) })) : title, values };
  }

  #x(capacity) {
    const most = Math.max(...this.#points.map((point) => point.capacity), 1);
    return LEFT + (capacity / most) * (this.svg.clientWidth - LEFT - RIGHT);
  }

  paint(width) {
    const points = this.#points ?? [];
    if (!points.length) return [];
    const bottom = this.height - BOTTOM;
    const { y, ticks } = axis(Math.max(...points.map(({ saved }) => saved), 1), 0, TOP, bottom);
    const at = ({ capacity, saved }) => `${this.#x(capacity).toFixed(1)} ${y(Math.max(saved, 0)).toFixed(1)}`;
    return [
      ...this.grid(ticks, y, LEFT, width - RIGHT, 'kWh'),
      ...this.#marks(bottom),
      svg('path', { d: `M${points.map(at).join('L')}`, class: 'curve line-import' }),
      ...points.map((point) => {
        const [x, height] = [this.#x(point.capacity) - 6, y(Math.max(point.saved, 0)) - 6].map((value) => value.toFixed(1));
        const [colour, shape] = point.isOwn ? ['charge', 'dot'] : ['import', 'small'];
        return svg('path', { d: glyph(shape), transform: `translate(${x} ${height})`, class: `fill-${colour} edge` });
      }),
    ];
  }

  // The capacities that the shops have; on a phone not those that would touch.
  #marks(bottom) {
    let last = -Infinity;
    return this.#points.flatMap(({ capacity, isOwn }) => {
      const x = this.#x(capacity);
      if (isOwn || x - last < 26) return [];
      last = x;
      return [svg('text', { x: x.toFixed(1), y: bottom + 17, class: 'tick middle' }, axisNumber(capacity))];
    });
  }
}
