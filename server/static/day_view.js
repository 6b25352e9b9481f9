// A day: its figures, the power balance through it, its gaps in words, its hours as a table. With `live`
// it is the view called Now: today, under the flow diagram.

import { load, serverNow } from './api.js';
import { el, say } from './dom.js';
import { DayChart } from './day_chart.js';
import { total } from './energy.js';
import { FlowDiagram } from './flow_diagram.js';
import { Loading } from './loading.js';
import { hasGridMeter, isMeterless, isMetered, meterState, meterWords } from './meter.js';
import { Tiles } from './tiles.js';
import { FEEDS_IN, clock, longDay, share } from './words.js';
import { addDays, inMs, noon } from './zone.js';

const CURVE = [
  'bucket',
  'avg_pv_power_w',
  'avg_battery_power_w',
  'avg_battery_soc_pct',
  'avg_load_power_w',
  'avg_export_power_w',
].join(',');
const STEP_MS = 300e3;
const MINUTE = 60e3;
const DAY_MS = 86400e3;

export class DayView {
  #context;
  #date;
  #tiles;
  #chart = new DayChart();
  #loading;
  #feedsIn = el('p', { class: 'quiet', hidden: true }, FEEDS_IN);
  #clocks = el('p', { class: 'quiet', hidden: true });
  #gapBox = el('div', { class: 'gap-list' });
  #hours = el('div');
  #hoursBox;
  #flow = null;
  #asOf = null;
  #row = null;
  #soc = null;
  #gaps = null; // not known yet
  #gapList = null; // what lists them, loaded where there are some
  #curve = null;
  #reading = null;
  #source; // whose word the grid is, of the day and of now
  #gridNow;
  #meterNote = el('p', { class: 'hint', hidden: true });

  // date: null for Now, which goes along with midnight and has no way to other days.
  constructor(context, date, periodNav) {
    this.#context = context;
    this.#date = date ?? context.today();
    this.live = date === null;
    this.#source = context.p1?.sourceLine();
    if (this.live && context.p1) this.#gridNow = new context.p1.GridNow(context);
    this.#tiles = new Tiles(true, context.p1);
    this.#loading = new Loading(context, {
      gaps: () => this.#loadGaps(),
      figures: () => this.#loadFigures(),
      curve: () => this.#loadCurve(),
      hours: () => this.#loadHours(),
    });
    this.title = this.live ? 'Now' : longDay(noon(this.#date), 'UTC');
    this.#hoursBox = el(
      'details',
      { class: 'card', toggle: () => this.#loading.part('hours') },
      el('summary', {}, 'The hours of this day as a table'),
      this.#hours,
    );
    this.element = el(
      'div',
      {},
      this.live ? this.#now() : this.#nav(periodNav),
      this.#loading.element,
      this.live ? null : this.#meterNote,
      this.live ? null : this.#tiles.element,
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'curve' },
        el('h2', { id: 'curve' }, this.live ? 'Power today' : 'Power through the day'),
        this.#source,
        this.#chart.element,
        this.#feedsIn,
        this.#clocks,
        this.#gapBox,
      ),
      this.#hoursBox,
    );
  }

  get isToday() {
    return this.#date === this.#context.today();
  }

  get jobs() {
    const own = this.#loading.jobs(this.isToday ? { curve: MINUTE, figures: MINUTE, gaps: 5 * MINUTE } : {});
    return [...(this.#gridNow?.jobs ?? []), ...own];
  }

  load() {
    return this.#loading.all();
  }

  // A new reading, or the same one again because there is no newer; stale: it may be long past.
  reading(reading, stale) {
    if (!this.#flow) return;
    if (!this.isToday) {
      this.#context.reload();
      return;
    }
    this.#reading = reading;
    const { device } = this.#context;
    this.#flow.show(reading, { has_meter: hasGridMeter(device) || this.#meter() === 'there' });
    this.#gridNow?.show(reading, stale);
    this.#flow.element.classList.toggle('stale', Boolean(stale && reading));
    this.#asOf.hidden = !(stale && reading);
    if (reading) say(this.#asOf, `not live: as of ${clock(Date.parse(reading.ts), this.#context.zone)}`);
    this.#soc = reading && { pct: reading.battery_soc_pct, words: stale ? 'last known' : 'now' };
    this.#showTiles();
  }

  #now() {
    this.#flow = new FlowDiagram();
    this.#asOf = el('p', { class: 'as-of', hidden: true });
    return el(
      'div',
      { class: 'now' },
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'now' },
        el('div', { class: 'now-title' }, el('h1', { id: 'now', tabindex: -1 }, 'Now'), this.#asOf),
        this.#flow.element,
        this.#gridNow?.element,
      ),
      el(
        'section',
        { 'aria-labelledby': 'today', class: 'today' },
        el('h2', { id: 'today' }, `Today, ${longDay(noon(this.#date), 'UTC')}`),
        this.#meterNote,
        this.#tiles.element,
      ),
    );
  }

  #nav(periodNav) {
    const { link, go, today, firstDate } = this.#context;
    const date = this.#date;
    return periodNav({
      title: this.title,
      date,
      first: firstDate,
      last: today(),
      go,
      pick: (picked) => link({ view: 'day', date: picked }),
      links: {
        before:
          firstDate === null || date > firstDate ? link({ view: 'day', date: addDays(date, -1) }) : null,
        after: date < today() ? link({ view: 'day', date: addDays(date, 1) }) : null,
        now: this.isToday ? null : link({ view: 'day' }),
      },
    });
  }

  #range() {
    return { from: this.#date, to: addDays(this.#date, 1) };
  }

  async #loadGaps() {
    const { gaps } = await this.#context.ask('/v1/gaps', this.#range());
    this.#gaps = gaps.map(inMs);
    this.#showCurve();
    if (!gaps.length || this.#gapList) return;
    this.#gapList = await load(() => import('./gap_list.js'));
    this.#showCurve();
    this.#showGaps();
  }

  async #loadCurve() {
    this.#curve = await this.#context.ask('/v1/series', {
      ...this.#range(),
      bucket: '5m',
      columns: this.#source ? `${CURVE},grid_source` : CURVE,
    });
    this.#showCurve();
    const longMs = Date.parse(this.#curve.to) - Date.parse(this.#curve.from);
    if (longMs === DAY_MS) return;
    const { clockWords } = await load(() => import('./clock_change.js'));
    say(this.#clocks, clockWords(longMs));
    this.#clocks.hidden = false;
  }

  async #loadFigures() {
    const { series } = await this.#context.ask('/v1/series', { ...this.#range(), bucket: '1d' });
    this.#row = series.length ? { ...series[0], ...total(series) } : null;
    this.#showTiles();
    this.#showGaps();
  }

  async #loadHours() {
    if (!this.#hoursBox.open) return;
    const { hoursTable } = await load(() => import('./hours_table.js'));
    this.#hours.replaceChildren(...(await hoursTable(this.#context, this.#date)));
  }

  #showTiles() {
    const state = this.#meter();
    this.#tiles.hideMeter(state === 'none');
    this.#tiles.show(this.#row, { soc: this.#soc });
    this.#context.p1?.saySource(this.#source, this.#row?.grid_source);
    const words = meterWords(state, hasGridMeter(this.#context.device), this.#row);
    say(this.#meterNote, words);
    this.#meterNote.hidden = !words;
  }

  // What this day knows of the grid meter.
  #meter() {
    const rows = [this.#row, this.#reading, ...(this.#curve?.series ?? [])].filter(
      (row) => row && (isMetered(row) || isMeterless(row)),
    );
    return meterState(hasGridMeter(this.#context.device), rows);
  }

  #showCurve() {
    if (!this.#curve) return;
    const { zone } = this.#context;
    const { series, from, to } = this.#curve;
    const [start, end] = [Date.parse(from), Date.parse(to)];
    this.#chart.show({
      start,
      end,
      now: serverNow(),
      zone,
      buckets: series,
      gaps: this.#gaps ?? emptySpans(series, STEP_MS),
      stepMs: STEP_MS,
      meter: this.#meter(),
      causeOf: this.#gapList?.cause ?? (() => 'cause not loaded'),
    });
    this.#feedsIn.hidden = !this.#chart.feedsIn;
    if (!this.live) {
      const last = series.filter((bucket) => bucket.avg_battery_soc_pct !== null).pop();
      this.#soc = last && {
        pct: last.avg_battery_soc_pct,
        words: this.isToday ? 'last known' : 'at the end',
      };
      this.#showTiles();
    }
    this.#showGaps();
  }

  #showGaps() {
    const { zone } = this.#context;
    const covered = this.#row?.coverage;
    const words = gapWords(this.#gaps, this.#row);
    this.#gapBox.replaceChildren(
      el(
        'p',
        { class: 'quiet' },
        covered === null || covered === undefined
          ? words
          : `${words}; ${share(covered, 1)} of the time is covered`,
      ),
      this.#gaps?.length && this.#gapList ? this.#gapList.gapItems(this.#gaps, zone, this.#date) : '',
    );
  }
}

// Where no gaps are known, a bucket without readings is all that can be told.
function emptySpans(buckets, stepMs) {
  return buckets
    .filter((bucket) => bucket.avg_pv_power_w === null)
    .map(({ bucket }) => ({ start: Date.parse(bucket), end: Date.parse(bucket) + stepMs }));
}

function gapWords(gaps, row) {
  if (gaps === null) return 'Looking for gaps…';
  if (gaps.length === 0) return row ? 'No gaps' : '';
  return `${gaps.length === 1 ? 'One gap' : `${gaps.length} gaps`} without readings, hatched above`;
}
