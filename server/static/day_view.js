// A day: its figures, the power balance through it, its gaps in words, its hours as a table. With `live`
// it is the view called Now: today, under the flow diagram and what it says in words.

import { load } from './api.js';
import { hasBattery } from './battery.js';
import { DayCurve } from './day_curve.js';
import { el, say } from './dom.js';
import { total } from './energy.js';
import { FlowDiagram } from './flow_diagram.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { hasGridMeter, isMeterless, isMetered, meterState, meterWords } from './meter.js';
import { Tiles } from './tiles.js';
import { verdict } from './verdict.js';
import { longDay, momentOfAge } from './words.js';
import { addDays, noon } from './zone.js';

const MINUTE = 60e3;

export class DayView {
  #context;
  #date;
  #tiles;
  #curve;
  #loading;
  #hours = el('div');
  #hoursBox;
  #flow = null;
  #strip = null; // the last minutes
  #isShown = false;
  #stripBox = el('div', { class: 'strip-box' });
  #asOf = el('p', { class: 'as-of', hidden: true });
  #verdict = el('p', { class: 'verdict' });
  #around = null; // ways to other days, and the day that this one is compared with
  #earlier = null;
  #row = null;
  #soc = null;
  #reading = null;
  #stale = false;
  #clear = null; // what a clear day brings
  #source; // whose word the grid is, of the day and of now
  #gridNow;
  #meterNote = el('p', { class: 'hint', hidden: true });

  // date: null for Now, which goes along with midnight and has no way to other days; Around: else that of day_around.js.
  constructor(context, date, Around) {
    this.#context = context;
    this.#date = date ?? context.today();
    this.live = date === null;
    this.#source = context.p1?.sourceLine();
    if (this.live && context.p1) this.#gridNow = new context.p1.GridNow(context);
    this.#tiles = new Tiles(true, context.p1);
    this.title = this.live ? t('tab_now') : longDay(noon(this.#date), 'UTC');
    this.#around = Around ? new Around(context, this.#date, this.title) : null;
    this.#curve = new DayCurve(context, this.live ? 'now' : 'day', this.#date, {
      facts: () => ({ meter: this.#meter(), hasBattery: this.#hasBattery }),
      source: this.#source,
      title: t(this.live ? 'power_today' : 'power_of_day'),
    });
    this.#loading = new Loading(
      context,
      {
        gaps: () => this.#curve.loadGaps(),
        figures: () => this.#loadFigures(),
        ...(this.#around ? { earlier: () => this.#loadEarlier() } : {}),
        curve: () => this.#loadCurve(),
        hours: () => this.#loadHours(),
        clear: () => this.#loadClear(),
        strip: () => this.#loadStrip(),
      },
      { figures: [this.#tiles.rings, this.#tiles.element], curve: this.#curve.element },
    );
    this.#hoursBox = el(
      'details',
      { class: 'card', toggle: () => this.#loading.part('hours') },
      el('summary', {}, t('hours_of_day')),
      this.#hours,
    );
    this.element = el(
      'div',
      { class: this.live ? 'view now' : 'view day' },
      this.#around?.element,
      this.#loading.element,
      this.live ? this.#now() : null,
      this.#hero(),
      this.#curve.element,
      this.#tiles.element,
      this.live ? this.#stripBox : null,
      this.#hoursBox,
    );
    this.#tiles.hideBattery(!this.#hasBattery);
    this.#around?.follow(this.element);
  }

  get isToday() {
    return this.#date === this.#context.today();
  }

  get #hasBattery() {
    return hasBattery(this.#context.device, [this.#reading, this.#row, ...(this.#curve?.answer?.series ?? [])]);
  }

  get jobs() {
    const often = { curve: MINUTE, figures: MINUTE, earlier: 5 * MINUTE, gaps: 5 * MINUTE };
    return [...(this.#gridNow?.jobs ?? []), ...this.#loading.jobs(this.isToday ? often : {})];
  }

  async load() {
    await this.#loading.all();
    this.#isShown = true;
    await this.#loading.part('strip');
  }

  // A new reading, or the same one again because there is no newer; stale: it may be long past.
  reading(reading, stale) {
    if (this.isToday) this.#curve.heed(reading, stale);
    if (!this.live) return;
    if (!this.isToday) {
      this.#context.reload();
      return;
    }
    [this.#reading, this.#stale] = [reading, stale];
    const { device } = this.#context;
    const isKnown = this.#meter() === 'there';
    this.#flow.show(reading, {
      has_meter: hasGridMeter(device) || isKnown,
      without_meter: hasGridMeter(device) === false,
      has_battery: this.#hasBattery,
    });
    this.#gridNow?.show(reading, stale);
    this.#flow.element.classList.toggle('stale', Boolean(stale && reading));
    this.#asOf.hidden = !(stale && reading);
    if (reading) {
      say(this.#asOf, t('not_live_as_of', { time: this.#readAt }));
    }
    this.#soc = reading && { pct: reading.battery_soc_pct, words: t(stale ? 'last_known' : 'at_present') };
    if (!stale) this.#strip?.add(reading);
    this.#showTiles();
  }

  #now() {
    this.#flow = new FlowDiagram(this.#context.device.has_battery !== false);
    return el(
      'section',
      { class: 'card flow-card', 'aria-labelledby': 'now' },
      el('div', { class: 'now-title' }, el('h1', { id: 'now', tabindex: -1 }, t('tab_now')), this.#asOf),
      this.#verdict,
      this.#flow.element,
      this.#gridNow?.element,
    );
  }

  #hero() {
    const today = longDay(noon(this.#date), 'UTC');
    const head = this.live ? el('h2', { id: 'today' }, t('today_is', { day: today })) : null;
    const name = this.live ? { 'aria-labelledby': 'today' } : { 'aria-label': t('figures_of_day') };
    return el('section', { class: 'hero', ...name }, head, this.#meterNote, this.#tiles.rings, this.live ? null : this.#tiles.beside);
  }

  async #loadCurve() {
    try {
      await this.#curve.load();
    } catch (thrown) {
      this.#curve.fail(t('not_known_now'));
      throw thrown;
    }
    if (!this.live) {
      const { series } = this.#curve.answer;
      const last = series.filter((bucket) => (bucket.avg_battery_soc_pct ?? null) !== null).pop();
      this.#soc = last && {
        pct: last.avg_battery_soc_pct,
        words: this.#curve.endOfZoom ?? t(this.isToday ? 'last_known' : 'at_the_end'),
      };
    }
    this.#showTiles();
    this.#curve.showGaps(this.#row);
  }

  async #loadFigures() {
    const range = { from: this.#date, to: addDays(this.#date, 1) };
    const { series } = await this.#context.ask('/v1/series', { ...range, bucket: '1d' });
    this.#row = series.length ? { ...series[0], ...total(series) } : null;
    this.#showTiles();
    this.#curve.showGaps(this.#row);
  }

  async #loadEarlier() {
    this.#earlier = await this.#around.earlier();
    this.#showTiles();
  }

  async #loadHours() {
    if (!this.#hoursBox.open) return;
    const { hoursTable } = await load(() => import('./hours_table.js'));
    this.#hours.replaceChildren(...(await hoursTable(this.#context, this.#date)));
  }

  // The house's own history, where it is long enough to tell.
  async #loadClear() {
    const { clearDay } = await load(() => import('./clear_day.js'));
    this.#clear = await clearDay(this.#context, this.#date);
    if (!this.#clear) return;
    this.#curve.showClear(this.#clear.at);
    this.#showTiles();
  }

  // Once all else is there.
  async #loadStrip() {
    if (!this.live || !this.#isShown || this.#strip) return;
    const { Strip } = await load(() => import('./strip.js'));
    this.#strip = new Strip(this.#context);
    this.#stripBox.replaceChildren(this.#strip.element);
    await this.#strip.load();
    if (!this.#stale) this.#strip.add(this.#reading);
  }

  #showTiles() {
    const state = this.#meter();
    this.#tiles.hideMeter(state === 'none');
    this.#tiles.hideBattery(!this.#hasBattery);
    this.#tiles.show(this.#row, { soc: this.#soc, earlier: this.#earlier });
    this.#curve.showMeasure(this.#clear?.words(this.#row) ?? '');
    this.#context.p1?.saySource(this.#source, this.#row?.grid_source);
    const words = meterWords(state, hasGridMeter(this.#context.device), this.#row);
    say(this.#meterNote, words);
    this.#meterNote.hidden = !words;
    if (this.live) this.#sayVerdict();
  }

  #sayVerdict() {
    if (!this.#reading) {
      say(this.#verdict, this.#context.device.first_ts ? '' : t('well_nothing_yet'));
      return;
    }
    const said = verdict(this.#reading, this.#row, this.#hasBattery).join(' ');
    say(this.#verdict, said && this.#stale ? t('verdict_as_of', { time: this.#readAt, words: said }) : said);
  }

  get #readAt() {
    const { ts, age_s: ageS } = this.#reading;
    return momentOfAge(Date.parse(ts), ageS, this.#context.zone);
  }

  // What this day knows of the grid meter.
  #meter() {
    const rows = [this.#row, this.#reading, ...(this.#curve?.answer?.series ?? [])].filter(
      (row) => row && (isMetered(row) || isMeterless(row)),
    );
    return meterState(hasGridMeter(this.#context.device), rows);
  }
}
