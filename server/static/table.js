// The numbers behind a chart, as a table that scrolls by itself where the screen is narrow.

import { el } from './dom.js';
import { t } from './language.js';
import { NONE, energyDigits, mark, share } from './words.js';

// What became of the import: together that is all of it.
const IMPORT = [
  ['grid_to_house_kwh', t('to_house')],
  ['grid_to_battery_kwh', t('to_battery')],
  ['grid_to_inverter_kwh', t('to_inverter')],
  ['untraced_import_kwh', t('to_untraced')],
];
const SHARES = [
  ['self_sufficiency', t('self_suff_pct')],
  ['self_consumption', t('self_cons_pct')],
];
const VOLUMES = [
  ['gas_m3', t('gas_m3')],
  ['water_m3', t('water_m3')],
];
const SOURCE = ['grid_source', t('head_grid_by')];
const COLUMNS = [
  ['pv_kwh', t('solar')],
  ['load_kwh', t('use_kwh')],
  ['import_kwh', t('import')],
  ...IMPORT,
  ['export_kwh', t('export')],
  ['battery_charge_kwh', t('battery_in')],
  ['battery_discharge_kwh', t('battery_out')],
  ...SHARES,
  ...VOLUMES,
  SOURCE,
];
const OF_BATTERY = ['battery_charge_kwh', 'battery_discharge_kwh', 'grid_to_battery_kwh'];
// Only these are known without a grid meter.
const METERLESS = ['pv_kwh', 'battery_charge_kwh', 'battery_discharge_kwh'];

// rows: [{name, href or null, row or null, missing}]; total: a row; hasMeter: whether a grid meter showed any;
// hasBattery; p1: grid_source.js in a house with a P1 meter.
export function seriesTable({ caption, head, rows, total, hasMeter, hasBattery, p1 }) {
  const all = [...rows.map(({ row }) => row), total];
  const columns = COLUMNS.filter((column) => isWanted(column, all, { hasMeter, hasBattery, p1 }));
  const heads = [head, ...columns.map(([, name]) => name), t('covered_pct')];
  const table = el(
    'table',
    {},
    el('caption', { class: 'unseen' }, caption),
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        heads.map((name) => el('th', { scope: 'col' }, name)),
      ),
    ),
    el(
      'tbody',
      {},
      rows.map((row) => line(row, columns, p1)),
    ),
    el('tfoot', {}, totalLine(total, rows, columns, p1)),
  );
  return scroller(caption, table);
}

// The numbers of a period, and the link to its CSV, or that there are none. title: of the period; bars: as of
// period_bars.js; all: their sum, or null; csv: an address; the rest as above.
export function periodTable({ title, bars, all, csv, ...more }) {
  const rows = bars.filter((bar) => bar.row || bar.missing).map((bar) => ({ ...bar, href: bar.row && bar.href }));
  return [
    all
      ? seriesTable({ caption: t('table_of', { period: title }), rows, total: all, ...more })
      : el('p', { class: 'quiet' }, t('no_readings_in_period_stop')),
    el('p', { class: 'table-foot' }, el('a', { href: csv, download: true }, t('csv'))),
  ];
}

// Any table: heads and rows of texts or nodes.
export function plainTable(caption, heads, rows) {
  return scroller(
    caption,
    el(
      'table',
      { class: 'words' },
      el('caption', { class: 'unseen' }, caption),
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          heads.map((head) => el('th', { scope: 'col' }, head)),
        ),
      ),
      el(
        'tbody',
        {},
        rows.map((row) =>
          el(
            'tr',
            {},
            row.map((cell) => el('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}

function scroller(label, table) {
  return el('div', { class: 'scroller', role: 'region', 'aria-label': label, tabindex: 0 }, table);
}

// A part of the import that is nothing in every row has no column, nor has what only a meter tells where there is
// none, nor whose word the grid is where it is one and the same.
function isWanted(column, rows, { hasMeter, hasBattery, p1 }) {
  const [key] = column;
  if (!hasBattery && OF_BATTERY.includes(key)) return false;
  if (VOLUMES.includes(column)) return rows.some((row) => typeof row?.[key] === 'number');
  if (column === SOURCE) return hasMeter && p1?.sourceOf(rows.filter(Boolean)) === 'mixed';
  if (!hasMeter) return METERLESS.includes(key);
  return !IMPORT.slice(1).includes(column) || rows.some((row) => Math.abs(row?.[key] ?? 0) >= 0.005);
}

function line({ name, href, row, missing }, columns, p1) {
  const head = el('th', { scope: 'row' }, href ? el('a', { href }, name) : name);
  if (!row) {
    const words = missing ? t('no_readings') : '';
    return el('tr', { class: 'empty' }, head, el('td', { colspan: columns.length + 1 }, words));
  }
  return el('tr', {}, head, cells(row, columns, p1), el('td', {}, digits(share(row.coverage, 1))));
}

const digits = (text) => text.replace('\u00a0%', '');

function cells(row, columns, p1) {
  return columns.map((column) => {
    const [key] = column;
    if (column === SOURCE) return el('td', {}, p1?.shortSource(row) || NONE);
    if (SHARES.includes(column)) return el('td', {}, digits(share(row[key])));
    return el('td', {}, mark(row, key), el('span', { 'data-figure': key }, energyDigits(row[key])));
  });
}

function totalLine(total, rows, columns, p1) {
  const full = rows.filter(({ row }) => row).length;
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, t('sum_of', { n: full })),
    cells(total, columns, p1),
    el('td', {}, total.coverage === undefined ? '' : digits(share(total.coverage, 1))),
  );
}
