// The figures of a day, a month or any other span, and beside them those of the span before. Shares are rings, and
// behind each figure is how it was made.

import { load, trouble } from './api.js';
import { el, say, set, svg } from './dom.js';
import { AT_THE_METER, WHOLE } from './energy.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { swatch } from './swatch.js';
import { energy, energyDigits, mark, percent, said, share, shareOfTime } from './words.js';

// The figures that matter most come first.
const KWH = [
  ['pv_kwh', 'solar', 'solar'],
  ['load_kwh', 'use_kwh', 'house-area'],
  ['import_kwh', 'import', 'import'],
  ['export_kwh', 'export', 'export'],
  ['battery_charge_kwh', 'battery_in', 'charge'],
  ['battery_discharge_kwh', 'battery_out', 'discharge'],
];
const SHARES = ['self_sufficiency', 'self_consumption'];
const OF_BATTERY = ['battery_charge_kwh', 'battery_discharge_kwh', 'soc'];
const ROUND = 2 * Math.PI * 22;
const isOfMeter = (key) => [...AT_THE_METER, ...SHARES].includes(key);

export class Tiles {
  #tiles = new Map();
  #row = null;

  // withCharge: whether there is a ring for the battery's state of charge; p1: as in table.js.
  constructor(withCharge, p1) {
    this.p1 = p1;
    this.rings = el('dl', { class: 'tiles rings' });
    this.element = el('dl', { class: 'tiles' });
    this.beside = el('p', { class: 'on-phone quiet beside' }); // where there is no room for it in each
    const [solar, use, ...rest] = KWH;
    this.#addTo(this.rings, ...solar);
    this.#addTo(withCharge ? this.element : this.rings, ...use);
    for (const key of SHARES) this.#addTo(this.rings, key, key, null, true);
    if (withCharge) this.#addTo(this.rings, 'soc', 'charge_level', null, true);
    for (const one of rest) this.#addTo(this.element, ...one);
  }

  // row: a bucket or a sum of buckets; earlier: what it is compared with, as `before` of compare.js has it, or null;
  // soc: {pct, words}.
  show(row, { earlier, soc } = {}) {
    this.#row = row;
    const before = earlier?.sum;
    say(this.beside, earlier ? t('compared_with', { period: earlier.words }) : '');
    const then = (key, write) => {
      if (!before) return '';
      const isUnknown = isOfMeter(key) && before[key] === null && before.load_kwh === null;
      if (!isUnknown && typeof before[key] !== 'number') return '';
      const text = isUnknown ? t('not_measured') : write(before[key]);
      return said(earlier.name, mark(before, key) + text);
    };
    for (const [key] of KWH) {
      const notes = [
        key === 'import_kwh' && importParts(row),
        key === 'load_kwh' && fedIn(row),
        row?.parts.includes(key) && covered(row, key),
        then(key, energy),
      ];
      this.say(key, energy(row?.[key]), notes, mark(row, key));
      this.#trend(key, row, earlier);
    }
    this.say('soc', percent(soc?.pct), [soc?.words]);
    this.#ring('soc', (soc?.pct ?? 0) / 100);
    this.p1?.sayVolumes(this, row, then);
    for (const key of SHARES) {
      const charging = key === 'self_sufficiency' && row && (row.with_charging ?? null) !== null;
      this.say(key, share(row?.[key]), [
        charging && t('incl_grid_charging', { share: share(row.with_charging) }),
        row?.lacksFlows && covered(row, 'load_kwh'),
        then(key, share),
      ]);
      this.#ring(key, row?.[key] ?? 0);
    }
  }

  // Without a meter there are no tiles of what only a meter can tell, without a battery none of it.
  hideMeter(isHidden) {
    for (const [key, { tile }] of this.#tiles) if (isOfMeter(key)) tile.hidden = isHidden;
    this.#count();
  }

  hideBattery(isHidden) {
    for (const [key, { tile }] of this.#tiles) if (OF_BATTERY.includes(key)) tile.hidden = isHidden;
    this.#count();
  }

  #count() {
    for (const box of [this.rings, this.element]) {
      const shown = [...box.children].filter((tile) => !tile.hidden);
      box.dataset.count = shown.length;
      // Two by two, the last of an odd number is not left alone beside a hole.
      const odd = shown.length % 2 ? shown[shown.length - 1] : null;
      for (const tile of box.children) tile.classList.toggle('odd', tile === odd);
    }
  }

  // key: of the figure; name: as the page has it.
  add(key, name) {
    if (!this.#tiles.has(key)) this.#addTo(this.element, key, null, null, false, name);
    this.#count();
  }

  #addTo(box, key, word, colour, isRing = false, name = t(word)) {
    const [sign, value] = [el('span', { class: 'mark' }), el('span', { 'data-figure': key })];
    const note = el('dd', { class: 'note' });
    const trend = el('dd', { class: 'trend', hidden: true });
    const empty = { class: 'arc', 'stroke-dasharray': `0 ${ROUND}` }; // it is not known yet
    const arc = isRing ? svg('circle', { cx: 28, cy: 28, r: 22, ...empty }) : null;
    const ring = arc && el('dd', { class: 'ring-box', 'aria-hidden': true }, ringOf(arc));
    const info = word && key !== 'soc' ? this.#info(key, name) : null;
    const term = el('dt', {}, colour && swatch(colour), el('span', {}, name), info);
    const figure = el('dd', { class: 'value' }, sign, value);
    const tile = el('div', { class: isRing ? 'tile ring' : 'tile' }, term, ring, figure, trend, note);
    box.append(tile);
    this.#tiles.set(key, { tile, sign, value, note, trend, arc });
    this.#count();
  }

  // Opens the formula of a figure, with its numbers put in.
  #info(key, name) {
    const open = async () => {
      try {
        const { showFormula } = await load(() => import('./formula_sheet.js'));
        showFormula(key, name, this.#row);
      } catch (thrown) {
        say(document.getElementById('announcer'), trouble(thrown)?.message ?? '');
      }
    };
    return el(
      'button',
      { type: 'button', class: 'info', 'aria-label': t('how_made', { name }), click: open },
      icon('info'),
    );
  }

  #ring(key, part) {
    const arc = this.#tiles.get(key)?.arc;
    if (!arc) return;
    const band = part >= 0.67 ? 'high' : part >= 0.34 ? 'middle' : 'small';
    const length = Math.max(0, Math.min(part, 1)) * ROUND;
    set(arc, { class: `arc ${band}`, 'stroke-dasharray': `${length.toFixed(1)} ${ROUND.toFixed(1)}` });
  }

  // How much more or less than in the same part of the period that it is compared with.
  #trend(key, row, earlier) {
    const { trend } = this.#tiles.get(key);
    const isLike = earlier && !earlier.isCut;
    const isAtLeast = (one) => mark(one, key).startsWith('≥');
    const words = isLike ? trendWords(row?.[key], earlier.sum[key], isAtLeast(row), isAtLeast(earlier.sum)) : '';
    say(trend, words);
    trend.hidden = !words;
  }

  say(key, value, notes, sign = '') {
    const tile = this.#tiles.get(key);
    if (!tile) return;
    say(tile.sign, sign);
    say(tile.value, value);
    say(tile.note, notes.filter(Boolean).join('\n'));
  }
}

const ringOf = (arc) =>
  svg('svg', { viewBox: '0 0 56 56', class: 'ring-figure' }, svg('circle', { cx: 28, cy: 28, r: 22, class: 'track' }), arc);

// How much more or less of an energy than then; '' where that would say nothing. What is known of a part of the time is
// that much or more: against it a difference is a bound, and of two of them there is none.
export function trendWords(now, then, isNowAtLeast = false, isThenAtLeast = false) {
  if (typeof now !== 'number' || typeof then !== 'number' || then < 0.05 || now < 0) return '';
  if (isNowAtLeast && isThenAtLeast) return '';
  const isBound = isNowAtLeast || isThenAtLeast;
  const change = now / then - 1;
  if (Math.abs(change) < 0.005) return isBound ? '' : t('as_much');
  const words =
    change > 2
      ? t('times_as_much', { n: Math.round(now / then) })
      : t(change > 0 ? 'more_than_then' : 'less_than_then', { share: percent(Math.abs(change) * 100) });
  return isBound ? t(isNowAtLeast === change > 0 ? 'at_least' : 'at_most', { words }) : words;
}

function fedIn(row) {
  return row?.fed_in_kwh >= 0.005 ? t('less_fed_in', { energy: energy(row.fed_in_kwh) }) : '';
}

// Of how much of the time a figure tells.
function covered(row, key) {
  const coverage = AT_THE_METER.includes(key) ? (row.grid_coverage ?? row.coverage) : row.coverage;
  // Without a reading of the inverter the figure is the P1 meter's, whose time this is not.
  return coverage > 0 && coverage < WHOLE ? t('of_time_measured', { share: shareOfTime(coverage) }) : '';
}

// What the import went to, where that is not the house alone.
function importParts(row) {
  if (!row || Math.abs(row.import_kwh ?? 0) < 0.005) return '';
  const parts = [
    ['house', row.grid_to_house_kwh],
    ['battery', row.grid_to_battery_kwh],
    ['inverter', row.grid_to_inverter_kwh],
    ['not_traced', row.untraced_import_kwh],
  ].filter(([, kwh]) => Math.abs(kwh ?? 0) >= 0.005);
  if (parts.every(([name]) => name === 'house')) return '';
  return parts.map(([name, kwh]) => `${t(`part_${name}`)} ${energyDigits(kwh, row.import_kwh)}`).join(' + ');
}
