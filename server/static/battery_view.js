// The battery: how full it is and what it does now; its day; and thirty days of its charge and energy.

import { serverNow } from './api.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { Loading } from './loading.js';
import { named } from './period_kinds.js';
import { clock, energy, hourMinute, hours, percent, power, temperature, volts, when } from './words.js';
import { addDays, dateOf, inMs } from './zone.js';

const MINUTE = 60e3;
const STEP_MS = 300e3;
const DAY_MS = 86400e3;
const DAYS = 30;
const RATE_MS = 30 * MINUTE;
const LEAST_PCT = 1; // by less it goes nowhere
const COLUMNS = ['bucket', 'avg_battery_power_w', 'avg_battery_soc_pct', 'avg_battery_temp_c', 'avg_battery_voltage_v'];
const OF_DAYS = [
  'bucket',
  'sample_count',
  'min_battery_soc_pct',
  'max_battery_soc_pct',
  'battery_charge_kwh',
  'battery_discharge_kwh',
];
const step = (ms, zone) => hours(ms, ms + STEP_MS, zone);
const dayOf = (ms, zone) => named(dateOf(ms, zone), { weekday: 'short', day: 'numeric', month: 'short' });

export class BatteryView {
  #context;
  #loading;
  #figures = new Map();
  #points = []; // of today
  #now = null; // its charge
  #least = 0; // charge of these days
  #asOf = el('p', { class: 'as-of', hidden: true });
  #soc = chartOf('charge_today', [{ key: 'soc', name: t('charge_level'), colour: 'soc', type: 'area' }], '%', percent, {
    most: 100,
  });
  #power = chartOf(
    'battery_power_today',
    [
      { key: 'charge', name: t('battery_in'), colour: 'charge', type: 'area' },
      { key: 'discharge', name: t('battery_out'), colour: 'discharge', type: 'area' },
    ],
    'kW',
    power,
    { scale: 1000 },
  );
  #temp = chartOf('battery_temp', [{ key: 'temp', name: t('temperature'), colour: 'import', shape: 'line' }], '°C', temperature, {
    height: 170,
    isAround: true,
  });
  #volts = chartOf('battery_volts', [{ key: 'volts', name: t('voltage'), colour: 'export', shape: 'line' }], 'V', volts, {
    height: 170,
    isAround: true,
  });
  #band = chartOf(
    'charge_of_days',
    [{ key: 'band', name: t('least_to_most'), colour: 'soc', type: 'band', low: 'low', high: 'high' }],
    '%',
    percent,
    { nameOf: dayOf, most: 100 },
  );
  #energy = chartOf(
    'battery_energy_of_days',
    [
      { key: 'charge', name: t('battery_in'), colour: 'charge', type: 'area' },
      { key: 'discharge', name: t('battery_out'), colour: 'discharge', type: 'area' },
    ],
    'kWh',
    (kwh) => energy(kwh === null ? null : Math.abs(kwh)),
    { nameOf: dayOf },
  );

  constructor(context) {
    this.#context = context;
    this.title = t('tab_battery');
    const parts = { day: () => this.#loadDay(), days: () => this.#loadDays() };
    this.#loading = new Loading(context, parts, { day: this.#soc.element, days: this.#band.element });
    const tiles = ['soc', 'power', 'temp', 'soh', 'in30', 'out30', 'full', 'least'];
    const figures = el('dl', { class: 'tiles figures' }, tiles.map((key) => this.#tile(key)));
    this.element = el(
      'div',
      { class: 'view battery-view' },
      el('div', { class: 'now-title' }, el('h1', { tabindex: -1 }, this.title), this.#asOf),
      this.#loading.element,
      figures,
      el(
        'div',
        { class: 'pair' },
        card('charge_today', this.#soc),
        card('battery_power_today', this.#power),
        card('charge_of_days', this.#band),
        card('battery_energy_of_days', this.#energy),
        card('battery_temp', this.#temp),
        card('battery_volts', this.#volts),
      ),
    );
  }

  get jobs() {
    return this.#loading.jobs({ day: MINUTE, days: 60 * MINUTE });
  }

  load() {
    return this.#loading.all();
  }

  #tile(key) {
    const [value, note] = [el('dd', { class: 'value', 'data-figure': key }, '–'), el('dd', { class: 'note' })];
    this.#figures.set(key, { value, note });
    return el('div', { class: 'tile' }, el('dt', {}, t(`battery_fig_${key}`)), value, note);
  }

  #say(key, value, note = '') {
    say(this.#figures.get(key).value, value);
    say(this.#figures.get(key).note, note);
  }

  reading(reading, stale) {
    if (!reading) return;
    const { battery_power_w: watts, battery_soc_pct: soc } = reading;
    this.#asOf.hidden = !stale;
    say(this.#asOf, t('not_live_as_of', { time: clock(Date.parse(reading.ts), this.#context.zone) }));
    this.#now = soc ?? null;
    this.#saySoc(stale);
    const isIdle = watts === null || watts === undefined || Math.abs(watts) < 5;
    this.#say('power', power(watts), isIdle ? '' : t(watts > 0 ? 'flow_charging' : 'flow_discharging'));
    this.#say('temp', temperature(reading.battery_temp_c));
    this.#say('soh', percent(reading.battery_soh_pct), t('as_battery_says'));
  }

  // How full it is, and when it will be full or empty if it goes on as in the last half hour.
  #saySoc(isStale) {
    const at = isStale ? null : outlook(this.#points, this.#now, this.#least);
    const note = at && t(at.isFull ? 'battery_full_at' : 'battery_lasts_until', { time: hourMinute(at.ms, this.#context.zone) });
    this.#say('soc', percent(this.#now), note ?? '');
  }

  async #loadDay() {
    const { ask, today, zone } = this.#context;
    const range = { from: today(), to: addDays(today(), 1) };
    const [answer, { gaps }] = await Promise.all([
      ask('/v1/series', { ...range, bucket: '5m', fields: 'battery', columns: COLUMNS.join(',') }),
      ask('/v1/gaps', range),
    ]);
    const known = (value) => value ?? null;
    const points = answer.series.map((row) => {
      const watts = known(row.avg_battery_power_w);
      return {
        at: Date.parse(row.bucket),
        soc: known(row.avg_battery_soc_pct),
        charge: watts === null ? null : Math.max(watts, 0),
        discharge: watts === null ? null : Math.min(watts, 0),
        temp: known(row.avg_battery_temp_c),
        volts: known(row.avg_battery_voltage_v),
      };
    });
    const shown = {
      start: Date.parse(answer.from),
      end: Date.parse(answer.to),
      now: serverNow(),
      zone,
      stepMs: STEP_MS,
      points: points.filter((p) => p.soc !== null || p.charge !== null),
      gaps: gaps.map(inMs),
      title: t('today'),
    };
    for (const chart of [this.#soc, this.#power]) chart.show(shown);
    this.#points = shown.points;
    for (const [chart, key] of [[this.#temp, 'temp'], [this.#volts, 'volts']]) {
      const isKnown = points.some((p) => p[key] !== null);
      chart.element.closest('section').hidden = !isKnown;
      if (isKnown) chart.show({ ...shown, points: points.filter((p) => p[key] !== null) });
    }
  }

  async #loadDays() {
    const { ask, today, zone } = this.#context;
    const range = { from: addDays(today(), 1 - DAYS), to: addDays(today(), 1) };
    const answer = await ask('/v1/series', { ...range, bucket: '1d', columns: OF_DAYS.join(',') });
    const days = answer.series.filter((row) => row.sample_count > 0);
    const points = days.map((row) => ({
      at: Date.parse(row.bucket),
      low: row.min_battery_soc_pct ?? null,
      high: row.max_battery_soc_pct ?? null,
      charge: row.battery_charge_kwh ?? null,
      discharge: row.battery_discharge_kwh === null ? null : -row.battery_discharge_kwh,
    }));
    const [start, end] = [Date.parse(answer.from), Date.parse(answer.to)];
    const title = t('last_n_days', { n: DAYS });
    const shown = { start, end, now: end, zone, stepMs: DAY_MS, points, gaps: without(points, start), title };
    for (const chart of [this.#band, this.#energy]) chart.show(shown);
    const sum = (key) => days.reduce((all, row) => all + (row[key] ?? 0), 0);
    this.#say('in30', energy(days.length ? sum('battery_charge_kwh') : null), title);
    this.#say('out30', energy(days.length ? sum('battery_discharge_kwh') : null), title);
    const known = days.filter(({ min_battery_soc_pct: pct }) => typeof pct === 'number');
    if (known.length) {
      const lowest = known.reduce((a, b) => (b.min_battery_soc_pct < a.min_battery_soc_pct ? b : a));
      this.#least = lowest.min_battery_soc_pct;
      this.#say('least', percent(this.#least), dayOf(Date.parse(lowest.bucket), zone));
    }
    const full = [...days].reverse().find((row) => row.max_battery_soc_pct >= 99);
    const isToday = full && full.bucket.slice(0, 10) === today();
    const day = full && when(Date.parse(full.bucket), zone, { weekday: 'short', day: 'numeric', month: 'short' });
    this.#say('full', full ? (isToday ? t('today') : day) : t('not_in_n_days', { n: DAYS }));
  }
}

// When a battery is full, or as empty as it ever was, at the rate of the last half hour: {isFull, ms}; null where that
// cannot be told, or is more than a day away.
export function outlook(points, pct, least, now = serverNow()) {
  const [from, to] = [now - RATE_MS - STEP_MS, now - RATE_MS / 2];
  const then = points.find(({ at, soc }) => at >= from && at <= to && soc !== null);
  if (pct === null || !then) return null;
  const rate = (pct - then.soc) / (now - then.at - STEP_MS / 2);
  const left = rate > 0 ? 100 - pct : least - pct;
  const ms = left / rate;
  if (Math.abs(pct - then.soc) < LEAST_PCT || !(ms > 0 && ms < DAY_MS)) return null;
  return { isFull: rate > 0, ms: now + ms };
}

// Days of which nothing is known.
function without(points, start) {
  const first = points[0]?.at ?? start;
  return points
    .slice(1)
    .map(({ at }, n) => ({ start: points[n].at + DAY_MS, end: at }))
    .filter((gap) => gap.end - gap.start > DAY_MS / 2)
    .concat(first > start + DAY_MS / 2 ? [{ start, end: first }] : []);
}

function chartOf(word, items, unit, write, more = {}) {
  return new LineChart({ label: t(word), items, height: 240, unit, write, nameOf: step, ...more });
}

function card(id, { element }) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, t(id)), element);
}

