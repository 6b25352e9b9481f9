// A month, a year, or all time: figures, stacked bars, the table behind them, and the period before.

import { BarChart, WHOLE, unknown } from './bar_chart.js';
import { el } from './dom.js';
import { total } from './flows.js';
import { Loading } from './loading.js';
import { periodNav } from './period_nav.js';
import { seriesTable } from './table.js';
import { Tiles } from './tiles.js';
import { when } from './words.js';
import { addDays, addMonths, daysBetween, noon } from './zone.js';

const TEN_MINUTES = 600e3;
const MANY_MONTHS = 36;
const named = (date, options) => when(noon(date), 'UTC', options);
const yearOf = (date) => date.slice(0, 4);
const monthName = (date) => named(date, { month: 'long', year: 'numeric' });

// What a period consists of. dates(): the first day of each bucket; key(row): which of them it is.
const KINDS = {
  month: {
    start: (date) => `${date.slice(0, 7)}-01`,
    move: addMonths,
    title: monthName,
    short: (date) => named(date, { month: 'short' }),
    dates: (date) => daysBetween(date, addMonths(date, 1)),
    label: (day) => named(day, { day: 'numeric' }),
    name: (day) => named(day, { weekday: 'short', day: 'numeric', month: 'short' }),
    inner: 'day',
    head: 'Day',
    key: (row) => row.bucket.slice(0, 10),
    end: (day) => addDays(day, 1),
  },
  year: {
    start: (date) => `${yearOf(date)}-01-01`,
    move: (date, years) => addMonths(date, 12 * years),
    title: (date) => named(date, { year: 'numeric' }),
    short: (date) => named(date, { year: 'numeric' }),
    dates: (date) => Array.from({ length: 12 }, (_, n) => addMonths(date, n)),
    label: (month) => named(month, { month: 'narrow' }),
    name: monthName,
    inner: 'month',
    head: 'Month',
    key: (row) => `${row.bucket.slice(0, 7)}-01`,
    end: (month) => addMonths(month, 1),
  },
};

export class PeriodView {
  #context;
  #kind;
  #date;
  #frame;
  #tiles = new Tiles(false);
  #chart;
  #loading;
  #table = el('div');
  #bars = [];
  #foot = el(
    'p',
    { class: 'quiet', hidden: true },
    'A hatched foot marks what the readings do not wholly cover; ≈ marks what was estimated over an outage.',
  );

  constructor(context, frame, date) {
    this.#context = context;
    this.#frame = frame;
    this.#kind = KINDS[frame] ?? KINDS.year;
    this.#date = this.#kind.start(date ?? context.today());
    const load = () => (frame === 'all' ? this.#loadAll() : this.#loadPeriod());
    this.#loading = new Loading(context, { buckets: load });
    this.title = frame === 'all' ? 'All time' : this.#kind.title(this.#date);
    this.#chart = new BarChart(`Energy: ${this.title}`, (slot) => context.go(this.#bars[slot].href));
    this.element = el(
      'div',
      {},
      this.#nav(),
      this.#loading.element,
      this.#tiles.element,
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'bars' },
        el('h2', { id: 'bars' }, 'Where it came from, where it went'),
        this.#chart.element,
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
    const { start, move, dates, short, title } = this.#kind;
    const date = start(this.#date);
    const earlier = move(date, -1);
    const hasEarlier = this.#context.firstDate !== null && date > this.#context.firstDate;
    const [now, then] = await Promise.all([this.#ask(date), hasEarlier ? this.#ask(earlier) : null]);
    const places = dates(date);
    const rows = this.#rows(now.series);
    const before = then && this.#rows(then.series);
    const beforeDates = dates(earlier);
    this.#show(
      places.map((place) => this.#bar(place, rows.get(place) ?? null)),
      now.series,
      {
        frame: this.#frame,
        date,
      },
      {
        bars: before && places.map((_, n) => before.get(beforeDates[n]) ?? null),
        sum: then && then.series.length ? total(then.series) : null,
        name: short(earlier),
        words: then ? `, ${title(earlier)} beside it in grey` : '',
      },
    );
  }

  async #loadAll() {
    const { series } = await this.#ask(undefined);
    const rows = this.#rows(series);
    const months = series.length ? monthsBetween(KINDS.year.key(series[0]), this.#context.today()) : [];
    const bars =
      months.length > MANY_MONTHS
        ? this.#years(series)
        : months.map((month) => ({
            ...this.#bar(month, rows.get(month) ?? null),
            label: named(month, { month: 'narrow' }),
          }));
    this.#show(bars, series, { frame: 'all' }, {});
  }

  #rows(series) {
    return new Map(
      series.map((row) => [this.#kind.key(row), { ...row, ...total([row]), estimated: row.estimated }]),
    );
  }

  #bar(date, row) {
    const { label, name, inner, end } = this.#kind;
    const { today, firstDate, link } = this.#context;
    const over = end(date) <= today();
    const begun = firstDate !== null && end(date) > firstDate;
    return {
      label: label(date),
      name: name(date),
      row,
      missing: !row && over && begun,
      href: link({ view: inner, date }),
    };
  }

  #years(series) {
    const last = Number(yearOf(this.#context.today()));
    const first = Number(yearOf(series[0].bucket));
    return Array.from({ length: last - first + 1 }, (_, n) => String(first + n)).map((year) => {
      const months = series.filter((row) => yearOf(row.bucket) === year);
      return {
        label: year,
        name: year,
        missing: !months.length,
        href: this.#context.link({ view: 'year', date: `${year}-01-01` }),
        row: months.length
          ? { ...total(months), coverage: weighted(months), unknown_kwh: sumUnknown(months) }
          : null,
      };
    });
  }

  #show(bars, series, csv, { bars: before, sum, name, words = '' }) {
    this.#bars = bars;
    const all = { ...total(series), unknown_kwh: sumUnknown(series) };
    this.#tiles.show(series.length ? all : null, { before: sum, beforeName: name });
    const title = series.length
      ? `${this.#frame === 'all' ? 'All readings' : this.title}, in all${words}`
      : 'No readings in this period';
    this.#chart.show(bars, before, { title, row: series.length ? all : null });
    this.#foot.hidden = !bars.some(({ row }) => row && (row.coverage < WHOLE || row.estimated));
    const listed = bars
      .filter((bar) => bar.row || bar.missing)
      .map((bar) => ({ ...bar, href: bar.row && bar.href }));
    this.#table.replaceChildren(
      listed.length
        ? seriesTable(
            `Energy: ${this.title}`,
            this.#frame === 'all' ? 'Period' : this.#kind.head,
            listed,
            all,
          )
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

const sumUnknown = (rows) => rows.reduce((sum, row) => sum + unknown(row), 0);

// Months weigh alike here: near enough for a mark.
const weighted = (rows) => rows.reduce((sum, row) => sum + (row.coverage ?? 0), 0) / rows.length;
