// The sheet for a claim: what the warranty says, what was measured, each with its dates, events and method, on paper as
// on the screen.

import { eventsOf, limitOf } from './battery_data.js';
import { day, eventsCsv, until } from './battery_lists.js';
import { digits, isKnown, shortReason, wholeReason } from './battery_words.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { plainTable } from './table.js';
import { NONE, amount, count, longDay, percent, temperature, when } from './words.js';

const SHORT = { day: '2-digit', month: '2-digit', year: 'numeric' };
const PLACES = { MWh: 2, kWh: 2, '%': 1, years: 1, hours: 0, days: 0, W: 0, cycles: 0, '%/year': 2, points: 1 };
// In this order: an answer has its names in any.
const OF_WARRANTY = ['age_years', 'years_left', 'mwh_used', 'mwh_runs_out_years', 'hours_too_cold', 'hours_too_hot', 'days_offline'];
const WORDED = ['years', 'hours', 'days', 'cycles', 'points', '%/year'];

// A figure in its unit, which may be a word of the language.
function written({ unit }, value) {
  const places = PLACES[unit] ?? 1;
  if (!WORDED.includes(unit)) return amount(value, places, unit);
  return amount(value, places, t(`battery_unit_${unit.replace('%/', 'pct_')}`));
}

export class BatterySheet {
  #context;
  #loading;
  #body = el('div', { class: 'sheet-body' }, el('p', {}, t('loading')));

  constructor(context) {
    this.#context = context;
    this.title = t('battery_sheet_title');
    this.#loading = new Loading(context, { sheet: () => this.#load() }, { sheet: this.#body });
    const print = el('button', { type: 'button', click: () => window.print() }, t('battery_print'));
    this.element = el(
      'div',
      { class: 'view battery-sheet' },
      el('h1', { tabindex: -1 }, this.title),
      el(
        'p',
        { class: 'choices no-print' },
        el('a', { class: 'button', href: context.link({ view: 'battery' }) }, t('battery_back')),
        print,
        el('a', { class: 'button', href: eventsCsv(context.device), download: '' }, t('battery_events_csv')),
      ),
      this.#loading.element,
      el('section', { class: 'card' }, this.#body),
    );
  }

  get jobs() {
    return this.#loading.jobs({});
  }

  load() {
    return this.#loading.all();
  }

  async #load() {
    const { ask, device, zone } = this.#context;
    const [result, events] = await Promise.all([ask('/v1/battery'), ask('/v1/battery/events')]);
    if (!result.computed_at) {
      this.#body.replaceChildren(el('p', {}, t('battery_verdict_tonight')));
      return;
    }
    const asOf = t('battery_as_of', { day: longDay(Date.parse(result.computed_at), zone) });
    this.#body.replaceChildren(
      el('p', { class: 'quiet' }, asOf),
      facts(device, result),
      el('h2', {}, t('battery_sheet_measured')),
      measured(result, zone),
      el('h2', {}, t('battery_sheet_years')),
      years(result),
      el('h2', {}, t('battery_sheet_events')),
      eventsTable(eventsOf(events), zone),
      el('h2', {}, t('battery_sheet_method')),
      ...['battery_how_capacity', 'battery_how_efficiency', 'battery_sheet_error'].map((key) => el('p', {}, t(key))),
    );
    say(document.getElementById('announcer'), this.title);
  }
}

const heads = (...keys) => keys.map((key) => t(`battery_sheet_col_${key}`));

function facts(device, { warranty, figures }) {
  const rows = [
    [t('device'), device.name || device.device_id],
    [t('battery_sheet_installed'), warranty.installed && day(warranty.installed)],
    [t('battery_sheet_modules'), warranty.modules && count(warranty.modules)],
    [t('battery_sheet_nominal'), warranty.capacity_kwh && amount(warranty.capacity_kwh, 1, 'kWh')],
    [t('battery_sheet_term'), until(warranty)],
    [t('battery_sheet_limit'), warranty.capacity_pct && limitWords(warranty)],
    [t('battery_sheet_energy'), warranty.mwh && amount(warranty.mwh, 1, 'MWh')],
    [t('battery_sheet_range'), rangeWords(warranty)],
    [t('battery_sheet_soh'), isKnown(figures.soh_reported_pct) ? percent(figures.soh_reported_pct.value) : null],
  ];
  const fact = ([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value || t('battery_not_set')));
  return el('dl', { class: 'facts' }, rows.map(fact));
}

function limitWords(warranty) {
  const limit = limitOf(warranty);
  return limit === null ? percent(warranty.capacity_pct) : `${percent(warranty.capacity_pct)} (${amount(limit, 2, 'kWh')})`;
}

function rangeWords({ t_min_c: low, t_max_c: high }) {
  if (typeof low !== 'number' && typeof high !== 'number') return null;
  return [low, high].map((value) => temperature(value ?? null)).join(' – ');
}

// What was measured; where that is nothing, the reason.
function measured({ figures, warranty }, zone) {
  const all = {
    capacity_kwh: figures.capacity_kwh,
    capacity_nominal: warranty.figures.capacity_pct,
    fade_pct_year: figures.fade_pct_year,
    forecast_line: figures.forecast_line_pct,
    forecast_root: figures.forecast_root_pct,
    ...Object.fromEntries(OF_WARRANTY.map((key) => [key, warranty.figures[key]])),
    full_cycles: figures.full_cycles,
    round_trip_pct: figures.round_trip_pct,
    standby_w: figures.standby_w,
  };
  const rows = Object.entries(all)
    .filter(([, figure]) => figure && figure.reason !== 'not_set')
    .map(([key, figure]) => [t(`battery_sheet_${key}`), ...cells(figure, zone)]);
  return plainTable(t('battery_sheet_measured'), heads('head', 'value', 'interval', 'n', 'time'), rows);
}

function cells(figure, zone) {
  if (!isKnown(figure)) return [NONE, wholeReason(figure), '', ''];
  const { value, low, high, n, from, to, method } = figure;
  const range = typeof low === 'number' ? `${digits(low, PLACES[figure.unit] ?? 1)} – ${digits(high, PLACES[figure.unit] ?? 1)}` : '';
  const date = (text) => when(Date.parse(text), zone, SHORT);
  return [written(figure, value), range, n ? count(n) : '', method && from && to ? `${date(from)} – ${date(to)}` : ''];
}

function years({ capacity_by_year: all }) {
  const rows = all.map((row) => {
    const range = typeof row.low === 'number' ? `${digits(row.low, 2)} – ${digits(row.high, 2)}` : '';
    return [String(row.year), row.value === null ? shortReason(row) : amount(row.value, 2, 'kWh'), range, count(row.n)];
  });
  return plainTable(t('battery_sheet_years'), heads('year', 'capacity', 'interval', 'n'), rows);
}

function eventsTable(events, zone) {
  if (!events.length) return el('p', {}, t('battery_no_events'));
  const rows = events.map(({ from, at, kind, kwh, charged, discharged, celsius }) => [
    when(from, zone, SHORT),
    when(at, zone, SHORT),
    t(`battery_window_${kind}`),
    amount(kwh, 2, 'kWh'),
    digits(charged, 1),
    digits(discharged, 1),
    temperature(celsius),
  ]);
  const columns = ['from', 'to', 'kind', 'capacity', 'charged', 'discharged', 'temp'];
  return plainTable(t('battery_sheet_events'), heads(...columns), rows);
}
