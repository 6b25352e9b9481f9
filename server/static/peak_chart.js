// Peaks as bars, in kW: the highest one has its figure above it. What was not measured is hatched.

import { axis } from './chart.js';
import { ColumnChart, box } from './column_chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { power, said } from './words.js';

const FOOT = 6;
const ITEMS = [
  { key: 'peak', name: t('quarter_hour'), colour: 'import' },
  { key: 'mean', name: t('mean'), colour: 'house', shape: 'line' },
  { key: 'floor', name: t('floor'), colour: 'soc', shape: 'dashes' },
];

export class PeakChart extends ColumnChart {
  #lines = [];

  // open(bar): what a click or Enter on a bar does.
  constructor(label, open) {
    super({ label, items: ITEMS, height: 220, left: 36, steps: [1, 2, 3, 5, 6, 10] });
    this.svg.classList.toggle('opens', Boolean(open));
    this.open = (slot) => open && this.bars[slot]?.watts !== null && open(this.bars[slot]);
  }

  // bars: [{label, name, watts or null, note, isPart, isEmpty}]; isEmpty: without watts there is nothing to hatch;
  // lines: [{key, watts, type}].
  show(bars, lines = []) {
    this.#lines = lines;
    const shown = lines.map(({ key }) => key);
    this.hide(['mean', 'floor'].filter((key) => !shown.includes(key)));
    this.renewBars(bars);
  }

  tell(slot) {
    const values = Object.fromEntries(this.#lines.map(({ key, watts }) => [key, power(watts)]));
    const bar = slot === null ? this.#highest() : this.bars[slot];
    if (!bar) return { title: t('nothing_measured'), values };
    if (bar.watts === null)
      return { title: said(bar.name, t(bar.isEmpty ? 'nothing' : 'not_measured')), values };
    const title = [bar.name, slot === null && t('the_highest'), bar.note].filter(Boolean).join(', ');
    return { title, values: { ...values, peak: power(bar.watts) } };
  }

  #highest() {
    const most = Math.max(...this.bars.map(({ watts }) => watts ?? -1));
    return this.bars.find(({ watts }) => watts !== null && watts === most) ?? null;
  }

  paint() {
    const { bottom, left, right } = this;
    const most = Math.max(100, ...[...this.bars, ...this.#lines].map(({ watts }) => watts ?? 0));
    const { y, ticks } = axis(most / 1000, 0, this.top, bottom);
    return [
      ...this.grid(ticks, y, left, right, 'kW'),
      ...this.bars.flatMap((bar, slot) => this.#bar(bar, slot, y, bottom)),
      ...this.#highestFigure(y),
      ...this.labels(),
      ...this.#lines.map(({ watts, type }) => {
        const at = y(watts / 1000).toFixed(1);
        return svg('path', { d: `M${left} ${at}H${right}`, class: type });
      }),
    ];
  }

  #bar(bar, slot, y, bottom) {
    const [x, width] = this.slotX(slot);
    const [left, wide] = [x + width * 0.14, width * 0.72];
    const nodes = [];
    if (bar.watts === null) {
      if (!bar.isEmpty) nodes.push(this.hatched(left, this.top, wide, bottom - this.top));
    } else {
      const top = y(bar.watts / 1000);
      nodes.push(...this.coloured('rect', box(left, wide, top, bottom), 'import'));
    }
    if (bar.isPart && bar.watts !== null) nodes.push(this.hatched(left, bottom - FOOT, wide, FOOT));
    return nodes;
  }

  // Over all bars, that none beside it hides a part of it.
  #highestFigure(y) {
    const bar = this.#highest();
    if (typeof bar?.watts !== 'number') return [];
    const [x, width] = this.slotX(this.bars.indexOf(bar));
    return [this.#figure(bar, x + width / 2, y(bar.watts / 1000))];
  }

  // Not beyond the sides.
  #figure({ watts }, middle, top) {
    const x = Math.min(Math.max(middle, this.left + 26), this.right - 26);
    return svg(
      'text',
      { x: x.toFixed(1), y: (top - 5).toFixed(1), class: 'tick middle figure', 'font-weight': 650 },
      power(watts),
    );
  }
}
