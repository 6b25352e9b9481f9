// What the server found of the two meters of a house, in the language of the page: each of its sentences has an id and
// the values in it.

import { load } from './api.js';
import { t } from './language.js';
import { named } from './period_kinds.js';
import { amount, duration, power } from './words.js';

const kwh = (value, places = 1) => amount(value, places, 'kWh');
const percent = (value, places = 1) => amount(Math.abs(value), places, '%');
const signed = (value) => `${value > 0 ? '+' : ''}${amount(value, 1, '%')}`;
const sideOf = (id) => t(`ref_side_${id.includes('import') ? 'import' : 'export'}`);
const LEAST_PERCENT = 1;

const SENTENCES = {
  cannot_compare: ({ why }) => t(`ref_cannot_${why}`),
  reversed: () => t('ref_reversed'),
  one_phase: (values) => t('ref_one_phase', values),
  phase_unseen: (values) => t('ref_phase_unseen', values),
  phase_reversed: (values) => t('ref_phase_reversed', values),
  phase_elsewhere: (values) => t('ref_phase_elsewhere', values),
  gain_import: gain,
  gain_export: gain,
  gain_import_robust: robust,
  gain_export_robust: robust,
  lag: ({ seconds, within, why }) => {
    if (why) return t('ref_lag_unknown', { why: t(`ref_why_${why}`) });
    const places = { time: amount(Math.abs(seconds), 1, 's'), within: amount(Math.max(within, 0.1), 1, 's') };
    return t(seconds >= 0 ? 'ref_lag_later' : 'ref_lag_earlier', places);
  },
  lag_stored: ({ stored_s: stored, command }) => t('ref_lag_stored', { time: amount(stored, 1, 's'), command }),
  total_import: total,
  total_export: total,
  unexplained: ({ kwh: its }) => t('ref_unexplained', { energy: kwh(its, 2) }),
  netting: ({ kwh: its, netted }) => t(netted ? 'ref_netted' : 'ref_not_netted', { energy: kwh(its) }),
  negative_loads: ({ before_percent: before, after_percent: after }) => {
    const words = t('ref_negative', { before: percent(before), after: percent(after) });
    return after > LEAST_PERCENT ? `${words} ${t('ref_negative_more')}` : words;
  },
  clock: ({ seconds, hour_off: isHour }) => {
    const words = t(seconds > 0 ? 'ref_clock_ahead' : 'ref_clock_behind', { time: duration(Math.abs(seconds)) });
    return isHour ? `${words} ${t('ref_clock_hour')}` : words;
  },
  missing_inverter: ({ quarters, of }) => t('ref_missing_inverter', { n: quarters, of }),
  missing_p1: ({ quarters, of }) => t('ref_missing_p1', { n: quarters, of }),
  capacity: ({ month, agreement, ours_w: ours, meter_w: meter }) => {
    const name = named(`${month}-01`, { month: 'long', year: 'numeric' });
    return t(`ref_peak_${agreement}`, { month: name, meter: power(meter), ours: power(ours) });
  },
};

function gain({ percent: more, within, offset_w: offset, reason }, id) {
  const side = sideOf(id);
  if (reason !== undefined) return t('ref_gain_unknown', { side });
  const places = { side, share: percent(more), within: percent(within) };
  const isSame = Math.abs(more) <= within;
  const words = t(isSame ? 'ref_gain_same' : more > 0 ? 'ref_gain_more' : 'ref_gain_less', places);
  if (Math.abs(offset) < 1) return words;
  return `${words} ${t(offset > 0 ? 'ref_offset_more' : 'ref_offset_less', { power: power(offset) })}`;
}

function robust({ percent: more }, id) {
  return t('ref_gain_robust', { side: sideOf(id), share: signed(more) });
}

function total({ kwh: more, p1_kwh: p1 }, id) {
  return t('ref_total', { side: sideOf(id), own: kwh(more + p1), p1: kwh(p1) });
}

const TEXTS_IN = './words.referee.';

// Loads the words, before the first of them.
export const ready = () => load(() => import(TEXTS_IN + document.documentElement.lang.split('-')[0] + '.js'));

// The words for one of the server's sentences; null for one that this page does not know.
export function refereeWords({ id, values }) {
  const write = Object.hasOwn(SENTENCES, id) ? SENTENCES[id] : null;
  const words = write?.(values, id) ?? null;
  return words && /^ref_|undefined|NaN/.test(words) ? null : words;
}
