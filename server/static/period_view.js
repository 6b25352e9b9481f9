// A week, a month, a year, any range, or all time: figures, stacked bars or a list, the table behind them, and what it
// is compared with.

import { BarChart } from './bar_chart.js';
import { hasBattery } from './battery.js';
import { before, isSomething } from './compare.js';
import { el, refill, say } from './dom.js';
import { WHOLE } from './energy.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { hasGridMeter, isMeterless, isMetered, meterState, meterWords } from './meter.js';
import { barOf, rowOf, sinceBegun, sumOf, yearsOf } from './period_bars.js';
import { periodField } from './period_field.js';
import { KINDS, addMonths, kindOfRange, rangeOf, yearOf } from './period_kinds.js';
import { awaited, periodList } from './period_list.js';
import { periodNav, swipes } from './period_nav.js';
import { inAddress, isThereBy, rangeFields, wayOf, ways } from './period_ways.js';
import { bestAndWorst, records } from './records.js';
import { periodTable } from './table.js';
import { Tiles } from './tiles.js';
import { FEEDS_IN } from './words.js';
import { addDays } from './zone.js';

const TEN_MINUTES = 600e3;
const MANY_MONTHS = 36;

export class PeriodView {
  #context;
  #kind;
  #date;
  #frame;
  #range;
  #by;
  #tiles;
  #chart;
  #loading;
  #table = el('div', { class: 'table-box' }, el('p', { class: 'quiet' }, t('loading')));
  #list = el('div', { class: 'on-phone' });
  #records = el('div');
  #shown = [];
  #heading = el('h2', { id: 'bars' }, t('where_from_where_to'));
  #best = el('p', { class: 'quiet best' });
  #source;
  #meter = el('p', { class: 'hint', hidden: true });
  #feedsIn = el('p', { class: 'quiet', hidden: true }, FEEDS_IN);
  #foot = el('p', { class: 'quiet', hidden: true }, el('span', { class: 'of-bars' }, t('hatched_feet'), ' '), t('marks_mean'));

  constructor(context, frame, date) {
    this.#context = context;
    this.#frame = frame;
    this.#source = context.p1?.sourceLine();
    this.#tiles = new Tiles(false, context.p1);
    this.#range = frame === 'range' ? rangeOf(context.query, context.today()) : null;
    this.#kind = this.#range ? kindOfRange(this.#range) : (KINDS[frame] ?? KINDS.year);
    this.#date = this.#range ? this.#range.from : this.#kind.start(date ?? context.today());
    this.#by = wayOf(context.query, frame);
    this.title = frame === 'all' ? t('all_time') : this.#kind.title(this.#date);
    this.#chart = new BarChart(t('energy_of', { period: this.title }), (slot) => context.go(this.#shown[slot].href));
    const places = { buckets: [this.#tiles.rings, this.#tiles.element, this.#chart.element, this.#list, this.#table] };
    const parts = {
      buckets: () => this.#loadBuckets(),
      ...(frame === 'all' ? { records: () => this.#loadRecords() } : {}),
    };
    this.#loading = new Loading(context, parts, places);
    const type = this.#isCompared ? 'view period-view compared' : 'view period-view';
    this.element = el('div', { class: type }, this.#nav(), this.#loading.element, this.#meter);
    this.element.append(...this.#cards());
    if (this.swipeTo) swipes(this.element, this.swipeTo, context.go);
    this.#tiles.hideBattery(!this.#hasBattery([]));
    if (frame !== 'all') this.#awaits();
  }

  // Whether there is room to be left for what it is compared with.
  get #isCompared() {
    return this.#frame !== 'all' && this.#by !== 'none' && this.#isThere(this.#by);
  }

  #isThere(by) {
    return isThereBy(this.#context, this.#kind, this.#date, by);
  }

  // Lines of the list are there from the start, so that nothing moves when they are known.
  #awaits() {
    const { firstDate, today } = this.#context;
    const isThere = (date) => date <= today() && firstDate !== null && this.#kind.end(date) > firstDate;
    const bars = this.#kind.dates(this.#date).filter(isThere).reverse();
    this.#list.replaceChildren(...awaited(bars.map((date) => ({ name: this.#kind.name(date) }))));
  }

  get jobs() {
    return this.#loading.jobs({ buckets: TEN_MINUTES });
  }

  load() {
    return this.#loading.all();
  }

  #hasBattery(rows) {
    return hasBattery(this.#context.device, rows);
  }

  #cards() {
    const card = (id, ...content) => el('section', { class: 'card', 'aria-labelledby': id }, content);
    return [
      el('section', { class: 'hero', 'aria-label': t('figures_of_period') }, this.#tiles.rings, this.#tiles.beside),
      card('bars', this.#heading, this.#source, this.#chart.element, this.#list, this.#best, this.#feedsIn, this.#foot),
      this.#tiles.element,
      this.#frame === 'all' ? this.#recordsCard() : null,
      card('table', el('h2', { id: 'table' }, t('numbers_in_kwh')), this.#table),
    ].filter(Boolean);
  }

  #recordsCard() {
    const toggle = () => this.#loading.part('records');
    this.recordsBox = el('details', { class: 'card', toggle }, el('summary', {}, t('records')), this.#records);
    return this.recordsBox;
  }

  async #loadRecords() {
    if (!this.recordsBox?.open) return;
    this.#records.replaceChildren(await records(this.#context));
  }

  // An address of this kind of period.
  #link(date, more = {}) {
    const compare = inAddress(this.#by);
    const at = this.#range ? (date === this.#date ? this.#range.address : this.#rangeFrom(date)) : { date };
    return this.#context.link({ view: this.#frame, ...at, compare, ...more });
  }

  #rangeFrom(date) {
    return { from: date, to: addDays(this.#kind.move(date, 1), -1) };
  }

  #nav() {
    const { today, firstDate, link } = this.#context;
    const [date, { move, start }] = [this.#date, this.#kind];
    const isAll = this.#frame === 'all';
    const links = isAll
      ? {}
      : {
          before: firstDate === null || date > firstDate ? this.#link(move(date, -1)) : null,
          after: move(date, 1) <= today() ? this.#link(move(date, 1)) : null,
          now: this.#range || date === start(today()) ? null : link({ view: this.#frame }),
        };
    this.swipeTo = isAll ? null : links;
    const nav = periodNav({ title: this.title, links, present: t(this.#kind.present), field: isAll ? null : this.#field() });
    return isAll ? nav : el('div', {}, nav, ways(this.#by, (compare) => this.#link(date, { compare }), this.#frame, (by) => this.#isThere(by)));
  }

  #field() {
    const { go, today, firstDate: first } = this.#context;
    if (this.#range) return rangeFields(this.#range, this.#context);
    const chosen = (to) => go(this.#link(to));
    return periodField(this.#frame, { date: this.#date, first, last: today(), here: this.#context, chosen });
  }

  async #loadBuckets() {
    try {
      await (this.#frame === 'all' ? this.#loadAll() : this.#loadPeriod());
    } catch (thrown) {
      if (!this.#shown.length) {
        const waiting = this.element.querySelectorAll('.list-head > :first-child, .table-box > .quiet');
        for (const node of waiting) say(node, t('not_known_now'));
        this.#tiles.show(null);
      }
      throw thrown;
    }
  }

  async #loadPeriod() {
    const { dates, asks } = this.#kind;
    const date = this.#date;
    const [{ series }, earlier] = await Promise.all([
      this.#context.ask('/v1/series', asks(date)),
      this.#by === 'none' ? null : before(this.#context, this.#kind, date, this.#by),
    ]);
    this.#show(this.#bars(dates(date), series), asks(date), earlier);
  }

  async #loadAll() {
    const answer = await this.#context.ask('/v1/series', { frame: 'all' });
    const series = answer.series.map((row) => sinceBegun(row, this.#kind, this.#context));
    const dates = series.length ? monthsBetween(KINDS.year.key(series[0]), this.#context.today()) : [];
    const months = this.#bars(dates, series);
    const bars = months.length > MANY_MONTHS ? yearsOf(months, this.#context) : months;
    this.#show(bars, { frame: 'all' }, null);
  }

  #bars(dates, series) {
    const { key, isGrouped } = this.#kind;
    const known = series.filter(isSomething);
    const isAcross = dates.length > 0 && this.#kind.inner === 'month' && yearOf(dates[0]) !== yearOf(dates[dates.length - 1]);
    return dates.map((date) => {
      const row = rowOf(known.filter((one) => key(one) === date), false, isGrouped);
      const year = isAcross && date.slice(5) === '01-01' ? yearOf(date) : null;
      return { ...barOf({ context: this.#context, kind: this.#kind, date, row }), year };
    });
  }

  // Bars before the meter came show what is known; where it never came, none show what it would tell.
  #showMeter(bars, rows, all) {
    const hasMeter = hasGridMeter(this.#context.device);
    const { p1 } = this.#context;
    p1?.saySource(this.#source, p1.sourceOf(rows));
    const known = rows.filter((row) => isMetered(row) || isMeterless(row));
    const state = meterState(hasMeter, known);
    const first = known.findIndex(isMetered);
    const isSince = first > 0 && !known.slice(first).some(isMeterless);
    const since = isSince ? bars.find(({ row }) => row === known[first]).name : '';
    const words = meterWords(state, hasMeter, all, since);
    this.#tiles.hideMeter(state === 'none');
    say(this.#meter, words);
    this.#meter.hidden = !words;
    const isAlone = state === 'none' ? (this.#hasBattery(rows) ? 'solar_and_battery' : 'solar') : 'where_from_where_to';
    say(this.#heading, t(isAlone));
  }

  #show(bars, csv, earlier) {
    this.#shown = bars;
    const all = sumOf(bars);
    const rows = bars.map(({ row }) => row).filter(Boolean);
    this.#tiles.hideBattery(!this.#hasBattery(rows));
    this.#showMeter(bars, rows, all);
    this.#tiles.show(all, { earlier });
    const name = this.#frame === 'all' ? t('all_readings') : this.title;
    const whole = t('in_all', { period: name });
    const beside = earlier ? t('in_all_beside', { period: name, other: earlier.words }) : whole;
    const title = all ? beside : t('no_readings_in_period');
    const other = earlier && bars.map((_, n) => earlier.bars[n]?.row ?? null);
    this.#chart.show(bars, other, { title, row: all }, { p1: this.#context.p1, hasBattery: this.#hasBattery(rows) });
    refill(this.#list, ...(all ? periodList(bars) : []));
    say(this.#best, bestAndWorst(bars.filter((bar) => this.#isWhole(bar, bars))));
    this.#feedsIn.hidden = !this.#chart.feedsIn;
    this.#foot.hidden = !rows.some((row) => row.coverage < WHOLE || row.estimated || row.parts.length);
    const head = this.#frame === 'all' ? t('head_period') : this.#kind.head;
    const houseHas = { hasMeter: rows.some(isMetered), hasBattery: this.#hasBattery(rows), p1: this.#context.p1 };
    refill(this.#table, ...periodTable({ title: this.title, head, bars, all, csv: this.#context.csv(csv), ...houseHas }));
  }

  // Neither running, nor cut by the range, nor the one in which the house began.
  #isWhole({ date }, bars) {
    const { firstDate, today } = this.#context;
    const isYear = bars.some(({ name }) => name === yearOf(date));
    const running = isYear ? `${yearOf(today())}-01-01` : this.#kind.bucketOf(today());
    const { from, end } = this.#range ?? {};
    const isCut = this.#range && (date < from || this.#kind.end(date) > end);
    return date !== running && date >= firstDate && !isCut;
  }
}

function monthsBetween(first, today) {
  const months = [];
  for (let month = first; month <= today; month = addMonths(month, 1)) months.push(month);
  return months;
}
