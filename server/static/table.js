// The numbers behind a chart, as a table that scrolls by itself where the screen is narrow.

import { el } from './dom.js';
import { count, energyDigits, share } from './words.js';

const COLUMNS = [
  ['pv_kwh', 'Solar'],
  ['load_kwh', 'Use'],
  ['import_kwh', 'Import'],
  ['export_kwh', 'Export'],
  ['battery_charge_kwh', 'Battery in'],
  ['battery_discharge_kwh', 'Battery out'],
];

// rows: [{name, href or null, row or null, missing}]; total: a row.
export function seriesTable(caption, head, rows, total) {
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
        el('th', { scope: 'col' }, head),
        ...[...COLUMNS.map(([, name]) => name), 'Self-suff. %', 'Self-cons. %', 'Covered %'].map((name) =>
          el('th', { scope: 'col' }, name),
        ),
      ),
    ),
    el('tbody', {}, rows.map(line)),
    el('tfoot', {}, totalLine(total, rows)),
  );
  return scroller(caption, table);
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
        rows.map((cells) =>
          el(
            'tr',
            {},
            cells.map((cell) => el('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}

function scroller(label, table) {
  return el('div', { class: 'scroller', role: 'region', 'aria-label': label, tabindex: 0 }, table);
}

function line({ name, href, row, missing }) {
  const head = el('th', { scope: 'row' }, href ? el('a', { href }, name) : name);
  if (!row) {
    const words = missing ? 'no readings' : '';
    return el('tr', { class: 'empty' }, head, el('td', { colspan: COLUMNS.length + 3 }, words));
  }
  return el('tr', {}, head, cells(row), el('td', {}, share(row.coverage, 1).replace('\u00a0%', '')));
}

function cells(row) {
  const mark = (key) => (row.estimated && row[key] !== null ? '≈\u00a0' : '');
  const pct = (value) => share(value).replace('\u00a0%', '');
  return [
    ...COLUMNS.map(([key]) => el('td', { 'data-figure': key }, mark(key) + energyDigits(row[key]))),
    el('td', {}, pct(row.self_sufficiency)),
    el('td', {}, pct(row.self_consumption)),
  ];
}

function totalLine(total, rows) {
  const full = rows.filter(({ row }) => row).length;
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, 'Sum'),
    cells(total),
    el('td', { class: 'quiet' }, `${count(full)} rows`),
  );
}
