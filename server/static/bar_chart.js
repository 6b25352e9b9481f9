// The buckets of a month, a year or all time, in kWh: use by its origin above zero, battery charge and export
// below, the period before beside each in grey. What is not known is hatched.

import { axis } from './chart.js';
import { ColumnChart, box } from './column_chart.js';
import { svg } from './dom.js';
import { WHOLE } from './energy.js';
import { t } from './language.js';
import { isMeterless, isMetered, isWithoutMeter } from './meter.js';
import { energy, mark, said, share } from './words.js';

const ITEMS = [
  { key: 'from_solar', name: t('from_solar'), colour: 'solar' },
  { key: 'from_battery', name: t('from_battery'), colour: 'discharge' },
  { key: 'from_grid', name: t('from_grid'), colour: 'import' },
  { key: 'of_unknown_origin', name: t('not_traced'), colour: 'hatch' },
  { key: 'all_solar', name: t('all_solar'), colour: 'solar', shape: 'box pale' },
  { key: 'battery_out', name: t('battery_out'), colour: 'discharge', shape: 'box pale' },
  { key: 'fed_in', name: t('house_feeds_in'), colour: 'house-area' },
  { key: 'battery_charge', name: t('battery_in'), colour: 'charge' },
  { key: 'export', name: t('export'), colour: 'export' },
  { key: 'before', name: t('period_before'), colour: 'before' },
];
const OF_BATTERY = ['from_battery', 'battery_out', 'battery_charge'];
const AT_THE_METER = ['from_solar', 'from_battery', 'from_grid', 'of_unknown_origin', 'export'];
const METERLESS = ['all_solar', 'battery_out'];
const YEAR_PX = 30; // so wide a bar has room for its year
const HARDLY = 0.9; // with less coverage, and no counter, the whole column is marked

export class BarChart extends ColumnChart {
  #before = null;
  #total = { title: '', row: null };

  // open(slot): what a click or Enter on a bar does.
  constructor(label, open) {
    super({ label, items: ITEMS, height: 310, left: 42, steps: [1, 2, 5, 10] });
    this.svg.classList.add('opens');
    this.hide([...METERLESS, 'fed_in', 'before']); // the rare ones, until something is known
    this.open = (slot) => this.bars[slot]?.row && open(slot);
  }

  // bars: [{label, name, row or null, missing, year: of the first bar of one, where there are several}]; before: rows or null at the same places; total: {title, row};
  // more: {p1, hasBattery}.
  show(bars, before, total, { p1, hasBattery }) {
    [this.#before, this.#total] = [before, total];
    const rows = bars.map(({ row }) => row).filter(Boolean);
    this.feedsIn = rows.some((row) => row.fed_in_kwh >= 0.005);
    // Of a time without a meter it is not known where energy went: only what there was is drawn.
    const [without, within] = [rows.some(isWithoutMeter), rows.some(isMetered)];
    this.isMixed = without && within;
    this.p1 = p1?.sourceOf(rows) === 'mixed' ? p1 : null; // where two meters measured in turns
    this.hide([
      ...(this.feedsIn ? [] : ['fed_in']),
      ...(without ? [] : METERLESS),
      ...(without && !within ? AT_THE_METER : []),
      ...(hasBattery ? [] : OF_BATTERY),
      ...(before ? [] : ['before']),
    ]);
    this.svg.classList.toggle('mixed', this.isMixed);
    this.legend.classList.toggle('mixed', this.isMixed);
    this.renewBars(bars);
  }

  tell(slot) {
    if (slot === null) return { title: this.#total.title, values: texts(this.#total.row) };
    const { name, row, missing } = this.bars[slot];
    if (!row) return { title: said(name, t(missing ? 'no_readings' : 'nothing_yet')), values: {} };
    const notes = [
      this.isMixed && isMeterless(row) && t('no_grid_meter_then'),
      this.p1?.shortSource(row) && t('grid_by', { source: this.p1.shortSource(row) }),
      row.coverage < WHOLE && t('time_covered', { share: share(row.coverage, 1) }),
      row.estimated && t('partly_estimated'),
    ];
    const then = this.#before?.[slot];
    const values = { ...texts(row), before: then ? energy(use(then)) : '' };
    return { title: [name, ...notes.filter(Boolean)].join(', '), values };
  }

  paint() {
    const rows = [...this.bars.map((bar) => bar.row), ...(this.#before ?? [])].filter(Boolean);
    const { bottom } = this;
    const { y, ticks } = rows.length
      ? axis(Math.max(0, ...rows.map(use)), Math.max(0, ...rows.map(away)), this.top, bottom)
      : axis(1, 1, this.top, bottom);
    return [
      ...this.grid(ticks, y, this.left, this.right, 'kWh'),
      ...this.bars.flatMap((bar, slot) => this.#bar(bar, this.#before?.[slot], slot, y, bottom)),
      ...this.#labels(),
    ];
  }

  #bar({ row, missing }, before, slot, y, bottom) {
    const [x, width] = this.slotX(slot);
    const main = before === undefined ? width * 0.72 : width * 0.56;
    const left = x + width * 0.12;
    const nodes = [];
    if (before && (!row || isWithoutMeter(row) === isWithoutMeter(before))) {
      const ghost = [left + main + width * 0.04, width * 0.18];
      nodes.push(
        svg('rect', { ...box(...ghost, y(use(before)), y(0)), class: 'before edge' }),
        svg('rect', { ...box(...ghost, y(0), y(-away(before))), class: 'before edge' }),
      );
    }
    const isPart = row?.parts.length > 0 && Math.min(row.coverage, row.grid_coverage ?? 1) < HARDLY;
    if (missing || isPart) nodes.push(this.hatched(left, this.top, main, bottom - this.top));
    if (!row) return nodes;
    let level = 0;
    for (const [colour, kwh] of origins(row)) {
      const [high, low] = [y(level + kwh), y(level)];
      const type = isWithoutMeter(row) ? 'pale' : '';
      if (colour) nodes.push(...this.coloured('rect', box(left, main, high, low), colour, type));
      else nodes.push(this.hatched(left, high, main, low - high));
      level += kwh;
    }
    level = 0;
    for (const [colour, kwh] of [
      ['house-area', row.fed_in_kwh ?? 0],
      ['charge', row.battery_charge_kwh ?? 0],
      ['export', row.export_kwh ?? 0],
    ]) {
      nodes.push(...this.coloured('rect', box(left, main, y(-level), y(-level - kwh)), colour));
      level += kwh;
    }
    const isWhole = row.coverage >= WHOLE && !(this.isMixed && isMeterless(row));
    if (!isWhole && !isPart) nodes.push(this.hatched(left, bottom - 6, main, 6));
    return nodes;
  }

  #labels() {
    const isRoomy = this.labelEvery === 1 && this.slotWidth >= YEAR_PX;
    return this.labels(({ label, year }) => (isRoomy && year ? year : label));
  }
}

// House use by origin: [colour, or null, kWh]; what the counters know beyond the flows has no known origin.
export function origins(row) {
  if (isWithoutMeter(row)) {
    return [
      ['solar', row.pv_kwh ?? 0],
      ['discharge', row.battery_discharge_kwh ?? 0],
    ];
  }
  const known = ['solar_to_house_kwh', 'battery_to_house_kwh', 'grid_to_house_kwh'].map(
    (key) => row[key] ?? 0,
  );
  const beyond = row.untraced_load_kwh ?? 0;
  // Counters and readings always differ by a little.
  const isMuch = beyond > 0.05 + 0.02 * known.reduce((a, b) => a + b);
  return [
    ['solar', known[0]],
    ['discharge', known[1]],
    ['import', known[2]],
    [null, isMuch ? beyond : 0],
  ];
}

export const use = (row) => origins(row).reduce((total, [, kwh]) => total + kwh, 0);
const away = (row) => (row.fed_in_kwh ?? 0) + (row.battery_charge_kwh ?? 0) + (row.export_kwh ?? 0);

function texts(row) {
  if (!row) return {};
  const figure = (key) => mark(row, key) + energy(row[key]);
  return {
    from_solar: figure('solar_to_house_kwh'),
    from_battery: figure('battery_to_house_kwh'),
    from_grid: figure('grid_to_house_kwh'),
    of_unknown_origin: energy(row.untraced_load_kwh),
    all_solar: figure('pv_kwh'),
    battery_out: figure('battery_discharge_kwh'),
    fed_in: figure('fed_in_kwh'),
    battery_charge: figure('battery_charge_kwh'),
    export: figure('export_kwh'),
  };
}
