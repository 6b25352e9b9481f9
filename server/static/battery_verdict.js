// The first line of the Battery view: what the battery can still hold, and whether it says so itself.

import { digits, isKnown, sentence, shortReason, told } from './battery_words.js';
import { t } from './language.js';
import { amount, percent } from './words.js';

// result: of /v1/battery; null where it was never analysed. Return sentences, the gravest first.
export function verdict(result) {
  if (!result) return [t('battery_verdict_tonight')];
  const { capacity_kwh: capacity, soh_reported_pct: soh, fade_pct_year: fade } = result.figures;
  if (!isKnown(capacity)) return unknown(capacity);
  const nominal = result.warranty?.capacity_kwh ?? null;
  const holds = nominal
    ? t('battery_verdict_holds', { now: digits(capacity.value, 1), nominal: amount(nominal, 1, 'kWh') })
    : t('battery_verdict_holds_alone', { now: amount(capacity.value, 1, 'kWh') });
  const { value: word } = result.figures.soh_verdict ?? {};
  const points = pointsOf(result.figures);
  const honesty = word ? told(`battery_verdict_${word}`, { soh: percent(soh?.value), points }) : null;
  const isSure = isKnown(fade) && (fade.low ?? fade.value) > 0;
  const loses = isSure ? t('battery_verdict_fade', { share: amount(fade.value, 1, '%') }) : null;
  return [holds, honesty, loses].filter(Boolean);
}

// By how many points what it says of its health is off.
export function pointsOf({ soh_optimistic_points: points }) {
  const size = Math.abs(points?.value ?? 0);
  return digits(size, size < 2 ? 1 : 0);
}

function unknown(capacity) {
  if (capacity.reason === 'no_battery') return [sentence(shortReason(capacity))];
  const isToDo = told(`battery_todo_${capacity.reason}`) !== null;
  return [t('battery_verdict_unknown', { why: shortReason(capacity) }), isToDo && t('battery_verdict_below')].filter(Boolean);
}
