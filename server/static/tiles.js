// The figures of a day, a month or any other span, and beside them those of the span before.

import { el, say } from './dom.js';
import { energy, percent, share } from './words.js';

const KWH = [
  ['pv_kwh', 'Solar', 'solar'],
  ['load_kwh', 'Use', 'house'],
  ['import_kwh', 'Import', 'import'],
  ['export_kwh', 'Export', 'export'],
  ['battery_charge_kwh', 'Battery in', 'charge'],
  ['battery_discharge_kwh', 'Battery out', 'discharge'],
];

export class Tiles {
  #tiles = new Map();

  // withCharge: whether there is a tile for the battery's state of charge.
  constructor(withCharge) {
    this.element = el('dl', { class: withCharge ? 'tiles nine' : 'tiles' });
    for (const [key, name, colour] of KWH) this.#add(key, name, colour);
    if (withCharge) this.#add('soc', 'State of charge', 'soc');
    this.#add('self_sufficiency', 'Self-sufficiency');
    this.#add('self_consumption', 'Self-consumption');
  }

  // row, before: a bucket or a sum of buckets; beforeName: what the tile calls it; soc: {pct, words}.
  show(row, { before, beforeName, soc } = {}) {
    for (const [key] of KWH) {
      const note = before ? `${beforeName}: ${energy(before[key])}` : '';
      this.#say(key, `${row?.estimated && row[key] !== null ? '≈\u00a0' : ''}${energy(row?.[key])}`, note);
    }
    this.#say('soc', percent(soc?.pct), soc?.words ?? '');
    const known = row && row.with_charging !== null;
    const both = known ? `incl. grid charging ${share(row.with_charging)}` : '';
    this.#say(
      'self_sufficiency',
      share(row?.self_sufficiency),
      [both, before && `${beforeName}: ${share(before.self_sufficiency)}`].filter(Boolean).join('; '),
    );
    this.#say(
      'self_consumption',
      share(row?.self_consumption),
      before ? `${beforeName}: ${share(before.self_consumption)}` : '',
    );
  }

  #add(key, name, colour) {
    const [value, note] = [el('dd', { class: 'value', 'data-figure': key }), el('dd', { class: 'note' })];
    const dot = colour && el('span', { class: `swatch box bg-${colour}` });
    this.element.append(el('div', { class: 'tile' }, el('dt', {}, dot, name), value, note));
    this.#tiles.set(key, { value, note });
  }

  #say(key, value, note) {
    const tile = this.#tiles.get(key);
    if (!tile) return;
    say(tile.value, value);
    say(tile.note, note);
  }
}
