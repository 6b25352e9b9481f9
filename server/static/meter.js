// What is known of the house's grid meter. Without one nobody measures what the house uses, imports and exports:
// none of that is shown then, and a sentence says so.

import { WHOLE } from './energy.js';
import { t } from './language.js';
import { shareOfTime } from './words.js';

const VALUES = ['load', 'import', 'export'].flatMap((name) => [
  `${name}_kwh`,
  `${name}_power_w`,
  `avg_${name}_power_w`,
]);

// Whether anything measures the grid of the house: the inverter's own meter or the P1 meter; null where nobody knows.
export const hasGridMeter = ({ has_meter: own, p1_first_ts: p1 }) => (p1 ? true : own);

const isKnown = (value) => value !== null && value !== undefined;

// Whether a bucket or a reading holds anything that only a meter can tell.
export const isMetered = (row) => VALUES.some((name) => isKnown(row[name]));

// Whether the sun is known, but nothing of a meter: by readings, or on a day without one by its counters.
export const isWithoutMeter = (row) => [row.pv_kwh, row.pv_power_w, row.avg_pv_power_w].some(isKnown) && !isMetered(row);

// Whether there were readings, but none of a meter.
export const isMeterless = (row) => (row.sample_count ?? 1) > 0 && isWithoutMeter(row);

// An answer of the API about this device, without the noughts of older edges: where the inverter has no meter, a
// WiNet-S says 0 for export and import, and for the house what the inverter gives.
export function heard(answer, { has_meter: hasMeter }) {
  if (hasMeter !== false) return answer;
  if (answer.series) return { ...answer, series: answer.series.map(silent) };
  return isKnown(answer.export_power_w) ? silent(answer) : answer;
}

const SIGNS = ['export_power_w', 'avg_export_power_w', 'import_kwh', 'export_kwh'];
const OF_THE_METER = /^(avg_)?(load|import|export)_|_to_|^loss_|^self_/;

function silent(row) {
  if (['p1', 'mixed'].includes(row.grid_source) || SIGNS.some((name) => row[name])) return row;
  const shown = Object.entries(row).map(([name, value]) => [name, OF_THE_METER.test(name) ? null : value]);
  return { ...Object.fromEntries(shown), grid_coverage: 0, grid_source: null };
}

// 'there'; 'unread' where there is a meter that said nothing in this time; 'none'. hasMeter: as hasGridMeter has it;
// rows: the readings or buckets that hold anything.
export function meterState(hasMeter, rows) {
  if (rows.some(isMetered) || (!rows.length && hasMeter !== false)) return 'there';
  return hasMeter ? 'unread' : 'none';
}

// The sentence for a view; '' where there is nothing to say. row: its sum; since: when the meter came, if it did.
export function meterWords(state, hasMeter, row, since = '') {
  if (state === 'none') return t(hasMeter === false ? 'no_meter_here' : 'no_meter_seen');
  if (state === 'unread') return t('meter_unread');
  if (since) return t('meter_since', { day: since });
  const [all, grid] = [row?.coverage, row?.grid_coverage];
  if (!(grid < WHOLE * all)) return '';
  // The counters of a P1 meter cover the times between its readings, too.
  if (row.lacksFlows && isKnown(row.load_kwh) && !row.parts.includes('load_kwh')) return '';
  return t('meter_read_for', { share: shareOfTime(grid) });
}
