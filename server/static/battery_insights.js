// What could be had of the battery, or is lost by it: each with its kWh, and behind it how that is counted.

import { digits, infoButton, isAbsent, told } from './battery_words.js';
import { el } from './dom.js';
import { named, t } from './language.js';
import { NONE, amount, count } from './words.js';

const LEAST_KWH = 1;
const HAS_NO_KWH = ['winter_sleep'];

const LEAST_PCT = 1; // of what it gave: less is noise

function isWorth({ id, kwh, value }) {
  if (HAS_NO_KWH.includes(id)) return value > 0;
  return (kwh ?? 0) >= LEAST_KWH && (id !== 'battery_to_grid' || value >= LEAST_PCT);
}

export const insightName = (id) => named('battery_insight_name', id);

// The nodes of its card; null where there is nothing to say.
export function insightsCard(insights) {
  const known = insights.filter(({ reason }) => !reason);
  const worth = known.filter(isWorth).sort((a, b) => (b.kwh ?? 0) - (a.kwh ?? 0));
  const nothing = known.filter((one) => !isWorth(one)).map(({ id }) => insightName(id));
  if (!known.length) return null;
  return [
    worth.length ? el('ul', { class: 'insights' }, worth.map(line)) : null,
    nothing.length ? el('p', { class: 'quiet' }, t('battery_nothing_found', { list: nothing.join(', ') })) : null,
  ].filter(Boolean);
}

// Those that cannot be told, but for what a house without a grid meter does not have.
export const untold = (insights) => insights.filter((one) => one.reason && !isAbsent(one) && one.reason !== 'no_grid_meter');

function line(insight) {
  const { id, kwh } = insight;
  const figure = kwh === null || kwh === undefined ? NONE : amount(kwh, kwh < 10 ? 1 : 0, 'kWh');
  return el(
    'li',
    { 'data-insight': id },
    el('span', { class: 'insight-kwh' }, kwh === null ? valueOf(insight) : figure),
    el('span', {}, sentenceOf(insight)),
    infoButton(insightName(id), () => how(insight)),
  );
}

function sentenceOf(insight) {
  const { id, backup_hours: away } = insight;
  const words = told(`battery_insight_${id}`, { value: digitsOf(insight) }) ?? insightName(id);
  // What a reserve is for.
  return typeof away === 'number' ? `${words} ${t('battery_grid_away', { n: digits(away, away < 10 ? 1 : 0) })}` : words;
}

const valueOf = ({ value, unit }) => (unit === 'days' ? t('days', { n: value }) : String(value));
const digitsOf = ({ value }) => (value === null ? NONE : Number.isInteger(value) ? count(value) : digits(value, 1));

function how(insight) {
  const { id, kwh, value, unit } = insight;
  const numbers = [
    kwh === null ? null : amount(kwh, 1, 'kWh'),
    value === null ? null : `${digitsOf(insight)}\u00a0${unitOf(unit)}`,
  ].filter(Boolean);
  return { lines: [named('battery_formula', id), numbers.join(' · '), t('battery_insight_span')], worked: 1 };
}

const unitOf = (unit) => (unit === null ? '' : named('battery_unit', unit.replaceAll(' ', '_')));
