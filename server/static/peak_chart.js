// Peaks as bars, in kW: the highest one has its figure above it. What was not measured is hatched.

import { Chart, axis } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { power } from './words.js';

const LEFT = 36;
const RIGHT = 8;
const TOP = 24;
const BOTTOM = 22;
const FOOT = 6;
const ITEMS = [
  { key: 'peak', name: t('quarter_hour'), colour: 'import' },
  { key: 'mean', name: t('mean'), colour: 'house', shape: 'line' },
  { key: 'floor', name: t('floor'), colour: 'soc', shape: 'dashes' },
];

export class PeakChart extends Chart {
  #bars = [];
  #lines = [];

  // open(bar): what a click or Enter on a bar does.
  constructor(label, open) {
    super({ label, items: ITEMS, height: 220 });
    this.svg.classList.toggle('opens', Boolean(open));
    this.open = (slot) => open && this.#bars[slot]?.watts !== null && open(this.#bars[slot]);
  }

  // bars: [{label, name, watts or null, note, isPart, isEmpty}]; isEmpty: without watts there is nothing to hatch;
  // lines: [{key, watts, type}].
  show(bars, lines = []) {
    [this.#bars, this.#lines] = [bars, lines];
    const shown = lines.map(({ key }) => key);
    this.hide(['mean', 'floor'].filter((key) => !shown.includes(key)));
    this.renew(`${bars.length} ${bars[0]?.name}`);
  }

  slots() {
    return this.#bars.length;
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
    const values = Object.fromEntries(this.#lines.map(({ key, watts }) => [key, power(watts)]));
    const bar = slot === null ? this.#highest() : this.#bars[slot];
    if (!bar) return { title: t('nothing_measured'), values };
    if (bar.watts === null)
      return { title: `${bar.name}: ${t(bar.isEmpty ? 'nothing' : 'not_measured')}`, values };
    const title = [bar.name, slot === null && t('the_highest'), bar.note].filter(Boolean).join(', ');
    return { title, values: { ...values, peak: power(bar.watts) } };
  }

  #highest() {
    const most = Math.max(...this.#bars.map(({ watts }) => watts ?? -1));
    return this.#bars.find(({ watts }) => watts !== null && watts === most) ?? null;
  }

  #slotWidth() {
    return (this.svg.clientWidth - LEFT - RIGHT) / Math.max(this.#bars.length, 1);
  }

  paint(width) {
    const bottom = this.height - BOTTOM;
    const most = Math.max(100, ...[...this.#bars, ...this.#lines].map(({ watts }) => watts ?? 0));
    const { y, ticks } = axis(most / 1000, 0, TOP, bottom);
    return [
      ...this.grid(ticks, y, LEFT, width - RIGHT, 'kW'),
      ...this.#bars.flatMap((bar, slot) => this.#bar(bar, slot, y, bottom)),
      ...this.#lines.map(({ watts, type }) => {
        const at = y(watts / 1000).toFixed(1);
        return svg('path', { d: `M${LEFT} ${at}H${width - RIGHT}`, class: type });
      }),
    ];
  }

  #bar(bar, slot, y, bottom) {
    const [x, width] = this.slotX(slot);
    const [left, wide] = [x + width * 0.14, width * 0.72];
    const nodes = [this.#label(bar, slot, bottom)];
    if (bar.watts === null) {
      if (!bar.isEmpty) nodes.push(this.hatched(left, TOP, wide, bottom - TOP));
    } else {
      const top = y(bar.watts / 1000);
      const box = { x: left.toFixed(1), y: top.toFixed(1), width: wide.toFixed(1) };
      nodes.push(...this.coloured('rect', { ...box, height: (bottom - top).toFixed(1) }, 'import'));
      if (bar === this.#highest()) nodes.push(this.#figure(bar, left + wide / 2, top));
    }
    if (bar.isPart && bar.watts !== null) nodes.push(this.hatched(left, bottom - FOOT, wide, FOOT));
    return nodes;
  }

  // Not beyond the sides.
  #figure({ watts }, middle, top) {
    const x = Math.min(Math.max(middle, LEFT + 26), this.svg.clientWidth - RIGHT - 26);
    return svg(
      'text',
      { x: x.toFixed(1), y: (top - 5).toFixed(1), class: 'tick middle', 'font-weight': 650 },
      power(watts),
    );
  }

  #label({ label }, slot, bottom) {
    const needed = 10 + 7 * Math.max(...this.#bars.map((bar) => bar.label.length));
    const every = [1, 2, 3, 5, 6, 10].find((n) => n * this.#slotWidth() >= needed) ?? 20;
    if (slot % every) return '';
    const x = LEFT + (slot + 0.5) * this.#slotWidth();
    return svg('text', { x: x.toFixed(1), y: bottom + 17, class: 'tick middle' }, label);
  }
}
