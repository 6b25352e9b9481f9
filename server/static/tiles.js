// The figures of a day, a month or any other span, and beside them those of the span before.

import { el, say } from './dom.js';
import { AT_THE_METER, WHOLE } from './energy.js';
import { energy, energyDigits, mark, percent, share, shareOfTime } from './words.js';

const KWH = [
  ['pv_kwh', 'Solar', 'solar'],
  ['load_kwh', 'Use', 'house'],
  ['import_kwh', 'Import', 'import'],
  ['export_kwh', 'Export', 'export'],
  ['battery_charge_kwh', 'Battery in', 'charge'],
  ['battery_discharge_kwh', 'Battery out', 'discharge'],
];

const SHARES = ['self_sufficiency', 'self_consumption'];
const isOfMeter = (key) => [...AT_THE_METER, ...SHARES].includes(key);

export class Tiles {
  #tiles = new Map();

  // withCharge: whether there is a tile for the battery's state of charge; p1: as in table.js.
  constructor(withCharge, p1) {
    this.p1 = p1;
    this.element = el('dl', { class: withCharge ? 'tiles nine' : 'tiles' });
    for (const [key, name, colour] of KWH) this.add(key, name, colour);
    if (withCharge) this.add('soc', 'State of charge', 'soc');
    this.add('self_sufficiency', 'Self-sufficiency');
    this.add('self_consumption', 'Self-consumption');
  }

  // row, before: a bucket or a sum of buckets; beforeName: what the tile calls it; soc: {pct, words}.
  show(row, { before, beforeName, soc } = {}) {
    const then = (key, write) => {
      if (!before) return '';
      const isUnknown = isOfMeter(key) && before[key] === null && before.load_kwh === null;
      const text = isUnknown ? 'not measured' : write(before[key]);
      return `${beforeName}: ${mark(before, key)}${text}`;
    };
    for (const [key] of KWH) {
      const notes = [
        key === 'import_kwh' && importParts(row),
        key === 'load_kwh' && fedIn(row),
        row?.parts.includes(key) && covered(row, key),
        then(key, energy),
      ];
      this.say(key, energy(row?.[key]), notes, mark(row, key));
    }
    this.say('soc', percent(soc?.pct), [soc?.words]);
    this.p1?.sayVolumes(this, row, then);
    for (const key of SHARES) {
      const charging = key === 'self_sufficiency' && row && row.with_charging !== null;
      this.say(key, share(row?.[key]), [
        charging && `incl. grid charging ${share(row.with_charging)}`,
        row?.lacksFlows && covered(row, 'load_kwh'),
        then(key, share),
      ]);
    }
  }

  // Without a meter there are no tiles of what only a meter can tell.
  hideMeter(isHidden) {
    for (const [key, { tile }] of this.#tiles) tile.hidden = isHidden && isOfMeter(key);
    this.element.classList.toggle('few', isHidden);
  }

  add(key, name, colour) {
    if (this.#tiles.has(key)) return;
    const [sign, value] = [el('span', { class: 'mark' }), el('span', { 'data-figure': key })];
    const note = el('dd', { class: 'note' });
    const dot = colour && el('span', { class: `swatch box bg-${colour}` });
    const figure = el('dd', { class: 'value' }, sign, value);
    const tile = el('div', { class: 'tile' }, el('dt', {}, dot, name), figure, note);
    this.element.append(tile);
    this.#tiles.set(key, { tile, sign, value, note });
  }

  say(key, value, notes, sign = '') {
    const tile = this.#tiles.get(key);
    if (!tile) return;
    say(tile.sign, sign);
    say(tile.value, value);
    say(tile.note, notes.filter(Boolean).join('\n'));
  }
}

function fedIn(row) {
  return row?.fed_in_kwh >= 0.005 ? `less ${energy(row.fed_in_kwh)} fed in by another generator` : '';
}

// Of how much of the time a figure tells.
function covered(row, key) {
  const coverage = AT_THE_METER.includes(key) ? (row.grid_coverage ?? row.coverage) : row.coverage;
  // Without a reading of the inverter the figure is the P1 meter's, whose time this is not.
  return coverage > 0 && coverage < WHOLE ? `${shareOfTime(coverage)} of the time measured` : '';
}

// What the import went to, where that is not the house alone.
function importParts(row) {
  if (!row || Math.abs(row.import_kwh ?? 0) < 0.005) return '';
  const parts = [
    ['house', row.grid_to_house_kwh],
    ['battery', row.grid_to_battery_kwh],
    ['inverter', row.grid_to_inverter_kwh],
    ['not traced', row.untraced_import_kwh],
  ].filter(([, kwh]) => Math.abs(kwh ?? 0) >= 0.005);
  if (parts.every(([name]) => name === 'house')) return '';
  return parts.map(([name, kwh]) => `${name} ${energyDigits(kwh, row.import_kwh)}`).join(' + ');
}
