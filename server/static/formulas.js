// How the figures are made, in symbols: for who wants to know, or to compute them by curl.

import { el } from './dom.js';
import { t } from './language.js';

const CODE = {
  self_sufficiency: '1 − grid_to_house_kwh ÷ (solar_to_house_kwh + battery_to_house_kwh + grid_to_house_kwh)',
  with_charging: '1 − (grid_to_house_kwh + grid_to_battery_kwh + inverter) ÷ (house + inverter)',
  self_consumption: '1 − solar_to_grid_kwh ÷ (solar_to_house_kwh + solar_to_battery_kwh + solar_to_grid_kwh)',
};
const PARTS = [
  'energy',
  'within_day',
  'flows',
  'self_sufficiency',
  'with_charging',
  'import',
  'untraced',
  'self_consumption',
  'at_least',
  'none',
  'curl',
];

export function formulas() {
  return el(
    'dl',
    { class: 'formulas' },
    PARTS.map((part) => {
      const words = t(`formula_${part}`);
      return el(
        'div',
        {},
        el('dt', {}, t(`formula_${part}_name`)),
        el('dd', {}, CODE[part] && el('code', {}, CODE[part]), CODE[part] && ' ', words),
      );
    }),
  );
}
