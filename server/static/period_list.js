// The buckets of a period on a phone: a line each, with a bar, that opens it. The newest is first.

import { origins, use } from './bar_chart.js';
import { el, svg } from './dom.js';
import { t } from './language.js';
import { isWithoutMeter } from './meter.js';
import { energyDigits, mark } from './words.js';

const SLANT = 5; // of 100 that the longest bar has

// bars: as of period_bars.js.
export function periodList(bars) {
  const shown = bars.filter(({ row, missing }) => row || missing).reverse();
  const most = Math.max(0.1, ...shown.map(({ row }) => (row ? use(row) : 0)));
  const figure = shown.every(({ row }) => !row || isWithoutMeter(row)) ? 'solar' : 'used_by_house';
  return [
    el('p', { class: 'list-head quiet' }, el('span', {}, t(figure)), el('span', {}, 'kWh')),
    el('ul', { class: typeOf(shown) }, shown.map((bar) => el('li', {}, line(bar, most)))),
  ];
}

// The same while nothing is known yet, as long as it will be.
export const awaited = (bars) => [
  el('p', { class: 'list-head quiet' }, el('span', {}, t('loading')), el('span', {}, 'kWh')),
  el('ul', { class: typeOf(bars) }, bars.map(({ name }) => el('li', {}, el('span', { class: 'line' }, name)))),
];

// Names of months take more room than those of days.
const typeOf = (bars) => (bars.some(({ name }) => name.length > 11) ? 'period-list long' : 'period-list');

function line({ name, row, href }, most) {
  if (!row) return el('span', { class: 'line empty' }, el('span', {}, name), el('span', { class: 'quiet' }, t('no_readings')));
  const isSolar = isWithoutMeter(row); // what the house uses, nobody knows
  const kwh = mark(row, isSolar ? 'pv_kwh' : 'load_kwh') + energyDigits(isSolar ? row.pv_kwh : use(row));
  return el(
    'a',
    { class: 'line', href },
    el('span', { class: 'line-name' }, name),
    barOf(row, most),
    el('span', { class: 'line-kwh' }, kwh),
  );
}

function barOf(row, most) {
  let at = 0;
  const parts = origins(row).map(([colour, kwh]) => {
    const x = at;
    at += (kwh / most) * 100;
    const box = { x: x.toFixed(2), y: 0, width: Math.max(at - x, 0).toFixed(2), height: 10 };
    if (!(kwh > 0)) return '';
    const rect = svg('rect', { ...box, class: `fill-${colour ?? 'hatch'} edge` });
    return colour ? rect : [rect, svg('path', { d: slanted(x, at), class: 'hatch-stroke' })];
  });
  return svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', class: 'line-bar', 'aria-hidden': true }, parts);
}

// Hatching from one place of the bar to another, as what is not traced has everywhere.
function slanted(from, to) {
  let d = '';
  for (let x = from; x < to; x += SLANT) d += `M${x.toFixed(1)} 10L${Math.min(x + SLANT, to).toFixed(1)} 0`;
  return d;
}
