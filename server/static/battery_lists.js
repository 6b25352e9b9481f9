// The lists of the Battery view: what cannot be measured and why, the jumps of its charge, and what the warranty says.

import { insightName, untold } from './battery_insights.js';
import { capital, digits, isAbsent, isKnown, sentence, wholeReason } from './battery_words.js';
import { el } from './dom.js';
import { t } from './language.js';
import { unbroken } from './room.js';
import { noon } from './zone.js';
import { plainTable } from './table.js';
import { amount, dayAndTime, percent, when } from './words.js';

const DATE = { day: 'numeric', month: 'long', year: 'numeric' };
// Figures that people ask for, by the names of their tiles.
const ASKED = {
  capacity: 'capacity_kwh',
  honesty: 'soh_verdict',
  efficiency: 'round_trip_pct',
  standby: 'standby_w',
  cycles: 'full_cycles',
  fade: 'fade_pct_year',
};

export const day = (date) => when(noon(date), 'UTC', DATE);

// One line for each reason, with all that it keeps from being known; null where everything is.
export function unmeasuredList({ figures, insights }) {
  const lacking = Object.entries(ASKED)
    .map(([name, key]) => [t(`battery_fig_${name}`), figures[key]])
    .filter(([, figure]) => figure && !isKnown(figure) && !isAbsent(figure));
  const all = [...lacking, ...untold(insights).map((one) => [insightName(one.id), one])];
  if (!all.length) return null;
  const byReason = new Map();
  for (const [name, figure] of all) {
    const why = wholeReason(figure);
    byReason.set(why, [...(byReason.get(why) ?? []), name]);
  }
  const lines = [...byReason].map(([why, names]) => el('li', {}, el('b', {}, names.map(capital).join(' · ')), el('span', {}, unbroken(why))));
  return el('ul', { class: 'unmeasured' }, lines);
}

export function jumpsTable(jumps, zone) {
  const rows = [...jumps]
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .map(({ at, from_pct: from, to_pct: to, points }) => [
      dayAndTime(Date.parse(at), zone),
      `${percent(from)} → ${percent(to)}`,
      `${points > 0 ? '+' : '−'}${digits(Math.abs(points), 1)}`,
    ]);
  return [
    el('p', { class: 'quiet' }, t('battery_jumps_why')),
    plainTable(t('battery_jumps_list'), [t('battery_when'), t('battery_change'), t('battery_points')], rows),
  ];
}

// The terms, as far as they were set, and the ways to the sheet and to the events.
export function warrantyWords({ warranty, figures }, { link, device }) {
  if (isAbsent(figures.capacity_kwh)) return null;
  const terms = warranty ? [until(warranty), used(warranty)].filter(Boolean) : [];
  const unset = el('p', {}, t('battery_warranty_unset'), ' ', el('code', {}, unbroken(`sungrow-server battery set ${device.device_id} --help`)));
  return [
    ...(terms.length ? terms.map((words) => el('p', {}, sentence(words))) : [unset]),
    el(
      'p',
      { class: 'choices' },
      el('a', { class: 'button', href: link({ view: 'battery', sheet: 'warranty' }) }, t('battery_sheet')),
      el('a', { class: 'button', href: eventsCsv(device), download: '' }, t('battery_events_csv')),
    ),
  ];
}

export const eventsCsv = ({ device_id: id }) => `/v1/battery/events?${new URLSearchParams({ device_id: id, format: 'csv' })}`;

export function until({ ends_on: end }) {
  return end ? t('battery_warranty_until', { day: day(end) }) : null;
}

function used({ mwh, figures }) {
  if (!mwh || !isKnown(figures.mwh_used)) return null;
  return t('battery_warranty_used', { used: amount(figures.mwh_used.value, 1, 'MWh'), all: amount(mwh, 1, 'MWh') });
}
