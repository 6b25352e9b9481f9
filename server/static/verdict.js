// What a reading says, in a sentence or three: where the power goes, how the battery is, and how much of the day's power
// was the house's own.

import { t } from './language.js';
import { power, share } from './words.js';

const LITTLE_W = 5;
const FULL_PCT = 99;
const ALL = 0.995;

// reading: as /v1/realtime gives it; row: the day's figures, or null; hasBattery.
export function verdict(reading, row, hasBattery) {
  return [
    ofGrid(reading),
    hasBattery ? ofBattery(reading) : '',
    row ? ofDay(row.self_sufficiency) : '',
  ].filter(Boolean);
}

function ofGrid({ export_power_w: out, pv_power_w: pv }) {
  if (out === null || out === undefined) return t('verdict_solar', { power: power(pv) });
  if (Math.abs(out) < LITTLE_W) return t('verdict_even');
  return t(out > 0 ? 'verdict_export' : 'verdict_import', { power: power(out) });
}

function ofBattery({ battery_power_w: watts, battery_soc_pct: soc }) {
  if (soc === null || soc === undefined) return '';
  if (soc >= FULL_PCT) return t('verdict_full');
  if (watts === null || Math.abs(watts) < LITTLE_W) return soc < 1 ? t('verdict_empty') : '';
  return t(watts > 0 ? 'verdict_charging' : 'verdict_discharging', { power: power(watts) });
}

function ofDay(own) {
  if (own === null || own === undefined) return '';
  if (own >= ALL) return t('verdict_all_own');
  return own < 0.005 ? t('verdict_none_own') : t('verdict_part_own', { share: share(own) });
}
