// The battery: what it can still hold; how full it is and what it does now; its day; what last night's analysis found;
// and thirty days of its charge and energy.

import { load, serverNow } from './api.js';
import { BatteryDays, dayOf } from './battery_days.js';
import { BatteryHealth } from './battery_health.js';
import { BatteryTiles } from './battery_tiles.js';
import { BatteryToday, card } from './battery_today.js';
import { verdict } from './battery_verdict.js';
import { isKnown, ready } from './battery_words.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { NONE, amount, clock, dayTime, energy, hourMinute, percent, power, temperature } from './words.js';
import { dateOf } from './zone.js';

const MINUTE = 60e3;
const STEP_MS = 300e3;
const DAY_MS = 86400e3;
const DAYS = 30;
const RATE_MS = 30 * MINUTE;
const LEAST_PCT = 1; // by less it goes nowhere
const IDLE_W = 5;
const MWH_KWH = 1000;

// What the address asks for: the view, or the sheet for a claim.
export async function batteryView(context) {
  await ready();
  if (context.query.get('sheet') !== 'warranty') return new BatteryView(context);
  const { BatterySheet } = await load(() => import('./battery_sheet.js'));
  return new BatterySheet(context);
}

class BatteryView {
  #context;
  #loading;
  #tiles;
  #today;
  #days;
  #health;
  #verdict = el('p', { class: 'verdict battery-verdict' }, t('loading'));
  #asOf = el('p', { class: 'as-of', hidden: true });
  #now = { soc: null, soh: null, isStale: true };
  #of30 = null; // of these days
  #result = null; // of the analysis

  constructor(context) {
    this.#context = context;
    this.title = t('tab_battery');
    this.#tiles = new BatteryTiles(context.zone);
    this.#today = new BatteryToday(context);
    this.#days = new BatteryDays(context);
    this.#health = new BatteryHealth(context);
    const parts = { day: () => this.#loadDay(), days: () => this.#loadDays(), health: () => this.#loadHealth() };
    const { soc, ofPack, charts: ofDay } = this.#today;
    const { charts: ofDays } = this.#days;
    this.#loading = new Loading(context, parts, {
      day: ofDay.map(({ element }) => element),
      days: ofDays.map(({ element }) => element),
      health: [this.#verdict, this.#health.element],
    });
    this.element = el(
      'div',
      { class: 'view battery-view' },
      el('div', { class: 'now-title' }, el('h1', { tabindex: -1 }, this.title), this.#asOf),
      this.#verdict,
      this.#loading.element,
      this.#tiles.element,
      el('div', { class: 'pair' }, card('charge_today', soc.element), card('battery_power_today', this.#today.power.element)),
      this.#health.element,
      el(
        'div',
        { class: 'pair' },
        card('charge_of_days', this.#days.band.element),
        card('battery_energy_of_days', this.#days.energy.element),
        ofPack,
      ),
      this.#health.made,
    );
  }

  get jobs() {
    return this.#loading.jobs({ day: MINUTE, days: 60 * MINUTE, health: 60 * MINUTE });
  }

  load() {
    return this.#loading.all();
  }

  reading(reading, stale) {
    if (!reading) return;
    const { battery_power_w: watts, battery_soc_pct: soc, battery_soh_pct: soh } = reading;
    this.#asOf.hidden = !stale;
    say(this.#asOf, t('not_live_as_of', { time: clock(Date.parse(reading.ts), this.#context.zone) }));
    this.#now = { soc: soc ?? null, soh: soh ?? null, isStale: stale };
    this.#saySoc();
    this.#tiles.health(this.#now.soh);
    const isIdle = watts === null || watts === undefined || Math.abs(watts) < IDLE_W;
    this.#tiles.say('power', power(watts), isIdle ? '' : t(watts > 0 ? 'flow_charging' : 'flow_discharging'));
    this.#tiles.say('temp', temperature(reading.battery_temp_c));
  }

  // How full it is, and when it will be full or empty if it goes on as in the last half hour.
  #saySoc() {
    const { soc, isStale } = this.#now;
    const at = isStale ? null : outlook(this.#today.points, soc, this.#of30?.lowest?.pct ?? 0);
    const note = at && t(at.isFull ? 'battery_full_at' : 'battery_lasts_until', { time: this.#timeOf(at.ms) });
    this.#tiles.say('soc', percent(soc), note ?? '');
  }

  // Of tomorrow with its day.
  #timeOf(ms) {
    const { zone, today } = this.#context;
    return (dateOf(ms, zone) === today() ? hourMinute : dayTime)(ms, zone);
  }

  async #loadDay() {
    await drawn(this.#today);
    this.#saySoc();
  }

  async #loadDays() {
    const { zone } = this.#context;
    this.#of30 = await drawn(this.#days);
    const { lowest } = this.#of30;
    this.#tiles.say('least', percent(lowest?.pct), lowest && dayOf(lowest.ms, zone));
    this.#sayLong();
  }

  async #loadHealth() {
    try {
      this.#result = await this.#health.load();
    } catch (error) {
      if (!this.#result) say(this.#verdict, t('not_loaded'));
      throw error;
    }
    const isNew = !this.#context.device.first_ts;
    say(this.#verdict, isNew ? t('well_nothing_yet') : verdict(this.#result).join(' '));
    this.#tiles.analysed(this.#result?.figures ?? null, isNew);
    this.#tiles.health(this.#now.soh);
    this.#sayLong();
  }

  // What both the last days and the analysis have a part in.
  #sayLong() {
    const { zone, today } = this.#context;
    const figures = this.#result?.figures ?? {};
    if (this.#of30) {
      const { lowest, fullMs, charged, discharged, title } = this.#of30;
      const certainMs = certainlyFull(figures.days_since_full);
      // What is certain may be of days before these, or of one whose highest charge was not read.
      const isLater = certainMs !== null && (fullMs === null || certainMs >= fullMs);
      const ms = isLater ? certainMs : fullMs;
      const none = lowest ? t('not_in_n_days', { n: DAYS }) : NONE;
      const full = ms === null ? none : dateOf(ms, zone) === today() ? t('today') : dayOf(ms, zone);
      const note = certainMs !== null && !isLater && t('battery_full_certain', { day: dayOf(certainMs, zone) });
      this.#tiles.say('full', full, note);
      const lately = charged === null ? null : t('battery_in_and_out', { span: title, in: energy(charged), out: energy(discharged) });
      const total = figures.discharged_kwh;
      this.#tiles.say('throughput', isKnown(total) ? throughput(total.value) : NONE, lately);
    }
  }
}

// What charts load; those that show nothing yet say so where it fails.
async function drawn(part) {
  try {
    return await part.load();
  } catch (thrown) {
    for (const chart of part.charts) chart.fail(t('not_known_now'));
    throw thrown;
  }
}

// Counted from the end of what the analysis saw.
const certainlyFull = (figure) => (isKnown(figure) && figure.to ? Date.parse(figure.to) - figure.value * DAY_MS : null);

const throughput = (kwh) => (kwh < MWH_KWH ? energy(kwh) : amount(kwh / MWH_KWH, 2, 'MWh'));

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
