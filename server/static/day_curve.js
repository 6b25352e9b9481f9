// The curve of a day with what belongs to it: a closer look at a span of it, its gaps in words, and the readings as CSV.

import { load, serverNow } from './api.js';
import { DayChart } from './day_chart.js';
import { asBucket } from './day_points.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { FEEDS_IN, hourMinute, share } from './words.js';
import { addDays, inMs } from './zone.js';
import { finenessOf, spanOf, spanText } from './zoom.js';

const CURVE = [
  'bucket',
  'avg_pv_power_w',
  'min_pv_power_w',
  'max_pv_power_w',
  'avg_battery_power_w',
  'avg_battery_soc_pct',
  'avg_load_power_w',
  'avg_export_power_w',
];
const RAW = ['ts', 'pv_power_w', 'battery_power_w', 'battery_soc_pct', 'load_power_w', 'export_power_w'];
const STEP_MS = 300e3;
const DAY_MS = 86400e3;

export class DayCurve {
  #context;
  #view;
  #date;
  #zoom;
  #chart = new DayChart();
  #feedsIn = el('p', { class: 'quiet', hidden: true }, FEEDS_IN);
  #clocks = el('p', { class: 'quiet', hidden: true });
  #measure = el('p', { class: 'measure', hidden: true }); // beside a clear day
  #gapWords = el('p', { class: 'quiet' });
  #gapBox = el('div', { class: 'gap-list' }, this.#gapWords);
  #gaps = null; // not known yet
  #gapList = null; // what lists them, loaded where there are some
  #causeOf = () => t('cause_not_loaded');
  #clear = null;
  #row = null;
  #running = null; // a gap that goes on, as the page itself knows it

  // view: 'now' or 'day'; facts(): {meter, hasBattery} as they are known by now; source: the line on whose word it is.
  constructor(context, view, date, { facts, source, title }) {
    [this.#context, this.#view, this.#date, this.facts] = [context, view, date, facts];
    this.#zoom = spanOf(context.query?.get('zoom'), date, context.zone);
    this.answer = null;
    this.#chart.svg.dataset.keep = 'curve';
    this.#chart.zoomed = (slots) => this.#go(slots);
    const back = this.#zoom
      ? el('a', { class: 'button', href: this.#link(null), 'data-keep': 'curve-whole' }, t('whole_day'))
      : null;
    this.element = el(
      'section',
      { class: 'card curve-card', 'aria-labelledby': 'curve' },
      el('div', { class: 'card-head' }, el('h2', { id: 'curve' }, title), back),
      source,
      this.#chart.element,
      this.#measure,
      this.#feedsIn,
      this.#clocks,
      this.#gapBox,
      el('p', { class: 'table-foot' }, el('a', { href: this.#csv(), download: true }, t('csv_of_curve'))),
    );
  }

  // The time at which what is shown ends, where that is not all of the day.
  get endOfZoom() {
    return this.#zoom && hourMinute(this.#zoom.end, this.#context.zone);
  }

  get #fineness() {
    return this.#zoom ? finenessOf(this.#zoom.end - this.#zoom.start) : { bucket: '5m', stepMs: STEP_MS };
  }

  #link(zoom) {
    return this.#context.link({ view: this.#view, date: this.#view === 'now' ? null : this.#date, zoom });
  }

  #go(slots) {
    if (!slots) {
      if (this.#zoom) this.#context.go(this.#link(null));
      return;
    }
    const [start, end] = [this.#chart.timeOf(slots[0]), this.#chart.timeOf(slots[1] + 1)];
    const { from, to } = this.answer ?? {};
    if (!from) return;
    const [first, last] = this.#zoom ? [this.#zoom.start, this.#zoom.end] : [Date.parse(from), Date.parse(to)];
    const text = spanText(Math.max(start, first), Math.min(end, last), this.#context.zone);
    if (spanOf(text, this.#date, this.#context.zone)) this.#context.go(this.#link(text));
  }

  #csv() {
    return this.#context.csv({ ...this.#range(), bucket: this.#fineness.bucket });
  }

  #range() {
    if (!this.#zoom) return { from: this.#date, to: addDays(this.#date, 1) };
    const iso = (ms) => new Date(ms).toISOString();
    return { from: iso(this.#zoom.start), to: iso(this.#zoom.end) };
  }

  async load() {
    const { bucket } = this.#fineness;
    const columns = [...(bucket === 'raw' ? RAW : CURVE), ...(this.#context.p1 ? ['grid_source'] : [])];
    // Whole watts: nobody sees more, and it is a third of the bytes.
    const asked = { ...this.#range(), bucket, digits: bucket === 'raw' ? null : 0, columns: columns.join(',') };
    const answer = await this.#context.ask('/v1/series', asked);
    this.answer = bucket === 'raw' ? { ...answer, series: answer.series.map(asBucket) } : answer;
    this.show();
    const longMs = Date.parse(answer.to) - Date.parse(answer.from);
    if (this.#zoom || longMs === DAY_MS) return;
    const { clockWords } = await load(() => import('./clock_change.js'));
    say(this.#clocks, clockWords(longMs));
    this.#clocks.hidden = false;
  }

  async loadGaps() {
    const { gaps } = await this.#context.ask('/v1/gaps', { from: this.#date, to: addDays(this.#date, 1) });
    this.#gaps = gaps.map(inMs);
    this.show();
    this.showGaps(this.#row);
    if (!gaps.length || this.#gapList) return;
    const { GapList, cause } = await load(() => import('./gap_list.js'));
    if (this.#gapList) return;
    [this.#gapList, this.#causeOf] = [new GapList(), cause];
    this.#gapBox.append(this.#gapList.element);
    this.show();
    this.showGaps(this.#row);
  }

  // What a clear day brings: at(ms) in W, or null.
  showClear(at) {
    this.#clear = at;
    this.show();
  }

  showMeasure(words) {
    say(this.#measure, words);
    this.#measure.hidden = !words;
  }

  // The newest reading; where it is late, the time since it is hatched at once, whatever the list of gaps says.
  heed(reading, isLate) {
    const before = this.#running;
    this.#running =
      reading && isLate ? Date.parse(reading.ts) + Math.max(reading.interval_s ?? 5, 1) * 1000 : null;
    if (this.#running !== null || before !== null) this.show();
  }

  #gapsNow(now) {
    const gaps = (this.#gaps ?? emptySpans(this.answer.series, this.#fineness.stepMs)).map((gap) =>
      gap.running ? { ...gap, end: Math.max(gap.end, now) } : gap,
    );
    if (this.#running === null || gaps.some((gap) => gap.running) || this.#running >= now) return gaps;
    return [...gaps, { start: this.#running, end: now, cause: 'unknown', running: true }];
  }

  show() {
    if (!this.answer) return;
    const { series, from, to } = this.answer;
    const now = serverNow();
    const span = this.#zoom ?? { start: Date.parse(from), end: Date.parse(to) };
    this.#chart.show({
      ...span,
      now,
      zone: this.#context.zone,
      buckets: series,
      gaps: this.#gapsNow(now),
      stepMs: this.#fineness.stepMs,
      clear: this.#zoom && this.#zoom.end - this.#zoom.start < 3600e3 ? null : this.#clear,
      causeOf: this.#causeOf,
      ...this.facts(),
    });
    this.#feedsIn.hidden = !this.#chart.feedsIn;
  }

  // The curve could not be loaded.
  fail(words) {
    if (!this.answer) this.#chart.say(words);
  }

  // row: the figures of the day.
  showGaps(row) {
    this.#row = row;
    const covered = row?.coverage ?? null;
    const words = covered === 0 && !this.#gaps?.length ? '' : gapWords(this.#gaps, row);
    const line = covered === null || !words ? words : t('gaps_covered', { words, share: share(covered, 1) });
    say(this.#gapWords, line);
    this.#gapList?.show(this.#gaps, this.#context.zone, this.#date);
  }
}

// Where no gaps are known, buckets without readings are all that can be told: one after the other they are one span.
export function emptySpans(buckets, stepMs) {
  const spans = [];
  for (const { bucket, avg_pv_power_w: watts } of buckets) {
    if (watts !== null) continue;
    const start = Date.parse(bucket);
    const last = spans[spans.length - 1];
    if (last?.end === start) last.end += stepMs;
    else spans.push({ start, end: start + stepMs });
  }
  return spans;
}

function gapWords(gaps, row) {
  if (gaps === null) return t('looking_for_gaps');
  if (gaps.length === 0) return row ? t('no_gaps_here') : '';
  return t('gaps_here', { n: gaps.length });
}
