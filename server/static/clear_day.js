// What a clear day at this time of the year brings here, by the house's own history, and how the day compares.

import { isRefused, serverNow } from './api.js';
import { t } from './language.js';
import { energy, percent } from './words.js';

const SLOT_MS = 300e3;
const LEAST_KWH = 0.2; // before that much could have come, a share says little

// null where the history is not long enough. at(ms): W; words(row): of the day's figures.
export async function clearDay(context, date) {
  const found = await envelopeOf(context, date);
  if (!found?.slots.some((watts) => watts !== null)) return null;
  const { slots, start } = found;
  const at = (ms) => slots[Math.floor((ms - start) / SLOT_MS)] ?? null;
  return { at, words: (row) => measure(row, sum(slots, start)) };
}

// What is known to come up to now: kWh; null where nothing is, or not all that lies between sunrise and sunset.
function sum(slots, start) {
  const sunny = slots.flatMap((watts, n) => (watts > 0 ? [n] : []));
  if (slots.slice(sunny[0], sunny.at(-1)).includes(null)) return null;
  const gone = Math.max(0, Math.min(slots.length, (serverNow() - start) / SLOT_MS));
  const known = slots.map((watts, n) => (watts ?? 0) * Math.max(0, Math.min(1, gone - n)));
  return { kwh: known.reduce((all, watts) => all + watts, 0) / 12000, isWhole: gone >= slots.length };
}

function measure(row, clear) {
  if (!row || !clear || clear.kwh < LEAST_KWH || typeof row.pv_kwh !== 'number') return '';
  const part = row.pv_kwh / clear.kwh;
  return t(clear.isWhole ? 'of_clear_day' : 'of_clear_day_so_far', {
    share: percent(part * 100),
    energy: energy(clear.kwh),
  });
}

// By five minutes of the local day; null from a server that does not tell.
async function envelopeOf({ ask }, date) {
  try {
    const { from, series } = await ask('/v1/envelope', { date });
    return { slots: series.map(({ pv_w: watts }) => watts), start: Date.parse(from) };
  } catch (error) {
    if (error.status === undefined || !isRefused(error)) throw error;
    return null;
  }
}
