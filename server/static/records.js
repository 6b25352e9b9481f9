// The best and the weakest of a period, and of all time its best days, weeks and months.

import { el } from './dom.js';
import { t } from './language.js';
import { isSomething } from './compare.js';
import { KINDS, named } from './period_kinds.js';
import { energy } from './words.js';
import { addDays } from './zone.js';

const MOSTLY = 0.9;
const COLUMNS = ['bucket', 'pv_kwh', 'coverage', 'sample_count', 'self_sufficiency'];

// One line on the whole bars of a period; '' where there are not three to choose from. Those that hardly were read do
// not count.
export function bestAndWorst(bars) {
  const whole = bars.filter(({ row }) => row?.pv_kwh !== null && row?.coverage >= MOSTLY);
  if (whole.length < 3) return '';
  const sorted = [...whole].sort((a, b) => b.row.pv_kwh - a.row.pv_kwh);
  const [best, worst] = [sorted[0], sorted[sorted.length - 1]];
  return t('best_and_worst', {
    best: best.name,
    most: energy(best.row.pv_kwh),
    worst: worst.name,
    least: energy(worst.row.pv_kwh),
  });
}

// Of all days that there are: a list of facts, each of which opens what it is about.
export async function records({ ask, link, firstDate, today }) {
  if (firstDate === null) return el('p', { class: 'quiet' }, t('no_readings'));
  const range = { from: firstDate, to: addDays(today(), 1), bucket: '1d', columns: COLUMNS.join(',') };
  const { series } = await ask('/v1/series', range);
  const days = series
    .filter(isSomething)
    .map(({ bucket, ...row }) => ({ date: bucket.slice(0, 10), ...row }))
    .filter(({ date, pv_kwh: kwh, coverage }) => date < today() && kwh !== null && coverage >= MOSTLY);
  const facts = [
    fact('record_best_day', best(days), (date) => link({ view: 'day', date }), dayName),
    fact('record_worst_day', worst(days), (date) => link({ view: 'day', date }), dayName),
    fact('record_best_week', best(sums(days, KINDS.week, 7)), (date) => link({ view: 'week', date }), KINDS.week.title),
    fact('record_best_month', best(sums(days, KINDS.month, 27)), (date) => link({ view: 'month', date }), KINDS.month.title),
    streak(days, link),
  ].filter(Boolean);
  return facts.length ? el('dl', { class: 'facts' }, facts) : el('p', { class: 'quiet' }, t('no_records_yet'));
}

const dayName = (date) => named(date, { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' });
const best = (rows) => rows.reduce((most, row) => (row.pv_kwh > (most?.pv_kwh ?? -1) ? row : most), null);
const worst = (rows) => rows.reduce((least, row) => (row.pv_kwh < (least?.pv_kwh ?? Infinity) ? row : least), null);

// Whole weeks or months: those of which at least so many days count.
function sums(days, { start }, least) {
  const found = new Map();
  for (const { date, pv_kwh: kwh } of days) {
    const first = start(date);
    const one = found.get(first) ?? { date: first, pv_kwh: 0, n: 0 };
    found.set(first, { date: first, pv_kwh: one.pv_kwh + kwh, n: one.n + 1 });
  }
  return [...found.values()].filter(({ n }) => n >= least);
}

function fact(key, row, href, nameOf) {
  return (
    row &&
    el('div', {}, el('dt', {}, t(key)), el('dd', {}, el('a', { href: href(row.date) }, nameOf(row.date)), `, ${energy(row.pv_kwh)}`))
  );
}

// The longest run of days on which all power was the house's own.
function streak(days, link) {
  let [run, longest] = [[], []];
  for (const day of days) {
    const goesOn = run.length && addDays(run[run.length - 1].date, 1) === day.date;
    if (!(day.self_sufficiency >= 0.995)) run = [];
    else run = goesOn ? [...run, day] : [day];
    if (run.length > longest.length) longest = run;
  }
  if (longest.length < 2) return null;
  const [first, last] = [longest[0].date, longest[longest.length - 1].date];
  const name = `${dayName(first)} – ${dayName(last)}`;
  const href = link({ view: 'range', from: first, to: last });
  return el('div', {}, el('dt', {}, t('record_streak')), el('dd', {}, el('a', { href }, name), `, ${t('days', { n: longest.length })}`));
}
