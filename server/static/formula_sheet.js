// How one figure was made: its formula in words, and with the numbers of what is shown put in.

import { el } from './dom.js';
import { t } from './language.js';
import { NONE, energy, energyDigits, share } from './words.js';

const digits = (row, key) => energyDigits(row?.[key] ?? 0);

const OWN_WORDS = {
  self_sufficiency: (row) => [
    t('formula_own_power'),
    `1 − ${digits(row, 'grid_to_house_kwh')} ÷ (${digits(row, 'solar_to_house_kwh')} + ${digits(row, 'battery_to_house_kwh')} + ${digits(row, 'grid_to_house_kwh')}) = ${share(row?.self_sufficiency)}`,
  ],
  self_consumption: (row) => [
    t('formula_own_use'),
    `1 − ${digits(row, 'solar_to_grid_kwh')} ÷ (${digits(row, 'solar_to_house_kwh')} + ${digits(row, 'solar_to_battery_kwh')} + ${digits(row, 'solar_to_grid_kwh')}) = ${share(row?.self_consumption)}`,
  ],
  import_kwh: (row) => [
    t('formula_import'),
    `${digits(row, 'grid_to_house_kwh')} + ${digits(row, 'grid_to_battery_kwh')} + ${digits(row, 'grid_to_inverter_kwh')} + ${digits(row, 'untraced_import_kwh')} = ${energy(row?.import_kwh)}`,
  ],
};

// Which opinion on an energy is shown: that of the counters, or of the readings.
function ofEnergy(row, key) {
  const [counted, measured] = ['counter', 'integral'].map((by) => row?.[key.replace('_kwh', `_${by}_kwh`)]);
  const lines = [t('formula_energy')];
  if (typeof counted === 'number') lines.push(t('by_counters', { energy: energy(counted) }));
  if (typeof measured === 'number') lines.push(t('by_readings', { energy: energy(measured) }));
  lines.push(t('shown_is', { energy: energy(row?.[key]) }));
  return lines;
}

export function showFormula(key, name, row) {
  const lines = row ? (OWN_WORDS[key]?.(row) ?? ofEnergy(row, key)) : [NONE];
  showLines(name, lines, OWN_WORDS[key] ? 1 : -1);
}

// lines: of text; worked: which of them has the numbers in it.
export function showLines(name, lines, worked) {
  const close = el('button', { type: 'button', click: () => box.close() }, t('close'));
  const heading = el('h2', { id: 'formula-of' }, name);
  const box = el(
    'dialog',
    { class: 'card formula', 'aria-labelledby': 'formula-of' },
    heading,
    lines.map((line, n) => el('p', n === worked ? { class: 'worked' } : {}, line)),
    close,
  );
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
}
