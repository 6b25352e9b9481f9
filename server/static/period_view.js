// A month, a year, or all time: figures, stacked bars, the table behind them, and the period before.

import { BarChart } from './bar_chart.js';
import { before } from './compare.js';
import { el, say } from './dom.js';
import { WHOLE } from './energy.js';
import { Loading } from './loading.js';
import { hasGridMeter, isMeterless, isMetered, meterState, meterWords } from './meter.js';
import { barOf, rowOf, sinceBegun, sumOf, yearsOf } from './period_bars.js';
import { KINDS, addMonths } from './period_kinds.js';
import { periodNav } from './period_nav.js';
import { seriesTable } from './table.js';
import { Tiles } from './tiles.js';
import { FEEDS_IN } from './words.js';

const TEN_MINUTES = 600e3;
const MANY_MONTHS = 36;

export class PeriodView {
  #context;
  #kind;
  #date;
  #frame;
  #tiles;
  #chart;
  #loading;
  #table = el('div');
  #shown = [];
  #heading = el('h2', { id: 'bars' }, 'Where it came from, where it went');
  #source;
  #meter = el('p', { class: 'hint', hidden: true });
  #feedsIn = el('p', { class: 'quiet', hidden: true }, FEEDS_IN);
  #foot = el(
    'p',
    { class: 'quiet', hidden: true },
    'A hatched foot marks what the readings do not wholly cover, a hatched column what they hardly cover; ≥ marks figures of a part of the time, ≈ what was estimated over an outage.',
  );

  constructor(context, frame, date) {
    this.#context = context;
    this.#frame = frame;
    this.#source = context.p1?.sourceLine();
    this.#tiles = new Tiles(false, context.p1);
    this.#kind = KINDS[frame] ?? KINDS.year;
    this.#date = this.#kind.start(date ?? context.today());
    const load = () => (frame === 'all' ? this.#loadAll() : this.#loadPeriod());
    this.#loading = new Loading(context, { buckets: load });
    this.title = frame === 'all' ? 'All time' : this.#kind.title(this.#date);
    this.#chart = new BarChart(`Energy: ${this.title}`, (slot) => context.go(this.#shown[slot].href));
    this.element = el(
      'div',
      {},
      this.#nav(),
      this.#loading.element,
      this.#meter,
      this.#tiles.element,
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'bars' },
        this.#heading,
        this.#source,
        this.#chart.element,
        this.#feedsIn,
        this.#foot,
      ),
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'table' },
        el('h2', { id: 'table' }, 'The numbers, in kWh'),
        this.#table,
      ),
    );
  }

  get jobs() {
    return this.#loading.jobs({ buckets: TEN_MINUTES });
  }

  load() {
    return this.#loading.all();
  }

  #nav() {
    const { link, go, today, firstDate } = this.#context;
    const [frame, date, { move, start }] = [this.#frame, this.#date, this.#kind];
    const to = (there) => link({ view: frame, date: there });
    const links =
      frame === 'all'
        ? {}
        : {
            before: firstDate === null || date > firstDate ? to(move(date, -1)) : null,
            after: move(date, 1) <= today() ? to(move(date, 1)) : null,
            now: date === start(today()) ? null : link({ view: frame }),
          };
    return periodNav({
      title: this.title,
      date: frame === 'all' ? null : date,
      first: firstDate,
      last: today(),
      links,
      go,
      pick: to,
    });
  }

  #ask(date) {
    return this.#context.ask('/v1/series', { frame: this.#frame, date });
  }

  async #loadPeriod() {
    const { move, dates } = this.#kind;
    const date = this.#date;
    const [{ series }, earlier] = await Promise.all([
      this.#ask(date),
      before(this.#context, this.#kind, move(date, -1)),
    ]);
    this.#show(this.#bars(dates(date), series), { frame: this.#frame, date }, earlier);
  }

  async #loadAll() {
    const answer = await this.#ask(undefined);
    const series = answer.series.map((row) => sinceBegun(row, this.#kind, this.#context));
    const dates = series.length ? monthsBetween(KINDS.year.key(series[0]), this.#context.today()) : [];
    const months = this.#bars(dates, series);
    const bars = months.length > MANY_MONTHS ? yearsOf(months, this.#context) : months;
    this.#show(bars, { frame: 'all' }, null);
  }

  #bars(dates, series) {
    const { key } = this.#kind;
    return dates.map((date) => {
      const row = rowOf(series.filter((one) => key(one) === date));
      return barOf({ context: this.#context, kind: this.#kind, date, row });
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
    say(this.#heading, state === 'none' ? 'Solar and battery' : 'Where it came from, where it went');
  }

  #show(bars, csv, earlier) {
    this.#shown = bars;
    const all = sumOf(bars);
    const rows = bars.map(({ row }) => row).filter(Boolean);
    this.#showMeter(bars, rows, all);
    this.#tiles.show(all, { before: earlier?.sum, beforeName: earlier?.name });
    const besides = earlier ? `, ${earlier.words} beside it in grey` : '';
    const title = all
      ? `${this.#frame === 'all' ? 'All readings' : this.title}, in all${besides}`
      : 'No readings in this period';
    const beside = earlier && bars.map((_, n) => earlier.bars[n]?.row ?? null);
    this.#chart.show(bars, beside, { title, row: all }, this.#context.p1);
    this.#feedsIn.hidden = !this.#chart.feedsIn;
    this.#foot.hidden = !rows.some((row) => row.coverage < WHOLE || row.estimated || row.parts.length);
    const listed = bars
      .filter((bar) => bar.row || bar.missing)
      .map((bar) => ({ ...bar, href: bar.row && bar.href }));
    this.#table.replaceChildren(
      listed.length
        ? seriesTable({
            caption: `Energy: ${this.title}`,
            head: this.#frame === 'all' ? 'Period' : this.#kind.head,
            rows: listed,
            total: all,
            hasMeter: rows.some(isMetered),
            p1: this.#context.p1,
          })
        : el('p', { class: 'quiet' }, 'No readings in this period.'),
      el(
        'p',
        { class: 'table-foot' },
        el('a', { href: this.#context.csv(csv), download: true }, 'Download as CSV'),
      ),
    );
  }
}

function monthsBetween(first, today) {
  const months = [];
  for (let month = first; month <= today; month = addMonths(month, 1)) months.push(month);
  return months;
}
