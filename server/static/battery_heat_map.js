// How many hours the battery was how full and how warm: darker for more, with the number in each cell that has room.

import { Chart } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { count } from './words.js';

const LEFT = 50;
const RIGHT = 8;
const TOP = 20;
const BOTTOM = 22;
const DEEPEST = 0.95;

export class BatteryHeatMap extends Chart {
  #map = null;
  #title = '';

  constructor(label) {
    super({ label, items: [{ key: 'hours', name: t('battery_hours'), colour: 'heat' }], height: 300 });
    this.legend.hidden = true;
    this.opener.hidden = false;
  }

  // columns: names of temperatures, coldest first; rows: of charge, lowest first; hours: by row, of columns;
  // isMuch(row, column): whether hours there age it; title: of it all.
  show({ columns, rows, hours, isMuch, title }) {
    this.#map = { columns, rows, hours, isMuch };
    this.#title = title;
    this.renew(`${columns.length} ${rows.length}`);
  }

  slots() {
    return this.#map ? this.#map.columns.length * this.#map.rows.length : 0;
  }

  start() {
    return 0;
  }

  // Cells are counted from the lowest charge on, from cold to warm.
  slotAt(x, y) {
    if (!this.#map) return 0;
    const [wide, high] = this.#size();
    const { columns, rows } = this.#map;
    const within = (value, most) => Math.max(0, Math.min(Math.floor(value), most - 1));
    const row = rows.length - 1 - within((y - TOP) / high, rows.length);
    return row * columns.length + within((x - LEFT) / wide, columns.length);
  }

  slotX(slot) {
    const [wide, high] = this.#size();
    const [row, column] = this.#cell(slot);
    return [LEFT + column * wide, wide, TOP + (this.#map.rows.length - 1 - row) * high, high];
  }

  tell(slot) {
    if (slot === null) return { title: this.#map ? this.#title : t('loading'), values: {} };
    const [row, column] = this.#cell(slot);
    const name = `${this.#map.rows[row]}, ${this.#map.columns[column]}`;
    return { title: name, values: { hours: t('battery_n_hours', { n: count(this.#map.hours[row][column]) }) } };
  }

  #cell(slot) {
    const wide = this.#map.columns.length;
    return [Math.floor(slot / wide), slot % wide];
  }

  #size() {
    const { columns, rows } = this.#map;
    return [
      (this.svg.clientWidth - LEFT - RIGHT) / columns.length,
      (this.height - TOP - BOTTOM) / rows.length,
    ];
  }

  paint() {
    if (!this.#map) return [];
    const { columns, rows, hours } = this.#map;
    const most = Math.max(1, ...hours.flat());
    const [wide, high] = this.#size();
    return [
      svg('text', { x: LEFT - 6, y: 12, class: 'tick end' }, '%'),
      ...rows.map((name, row) => {
        const y = TOP + (rows.length - 0.5 - row) * high + 4;
        return svg('text', { x: LEFT - 6, y: y.toFixed(1), class: 'tick end' }, name);
      }),
      ...columns.map((name, column) => {
        const x = LEFT + (column + 0.5) * wide;
        return svg('text', { x: x.toFixed(1), y: this.height - 5, class: 'tick middle' }, name);
      }),
      ...hours.flatMap((ofRow, row) => ofRow.flatMap((value, column) => this.#box(value, row, column, most))),
    ];
  }

  #box(value, row, column, most) {
    const [x, wide, y, high] = this.slotX(row * this.#map.columns.length + column);
    const place = { x: (x + 1).toFixed(1), y: (y + 1).toFixed(1), width: (wide - 2).toFixed(1), height: (high - 2).toFixed(1), rx: 3 };
    // By the root: what is seldom is seen, too.
    const depth = value > 0 ? Math.max(0.08, Math.sqrt(value / most) * DEEPEST) : 0;
    const nodes = [
      svg('rect', { ...place, class: 'heat-ground' }),
      svg('rect', { ...place, class: 'heat', 'fill-opacity': depth.toFixed(2) }),
    ];
    if (this.#map.isMuch(row, column)) nodes.push(svg('rect', { ...place, class: 'heat-much' }));
    const text = count(value);
    if (value >= 0.5 && text.length * 7 + 4 <= wide)
      nodes.push(svg('text', { x: (x + wide / 2).toFixed(1), y: (y + high / 2 + 4).toFixed(1), class: 'cell' }, text));
    return nodes;
  }
}
