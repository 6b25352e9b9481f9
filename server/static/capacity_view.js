// What one pays by peak for: the highest quarter hours of a month, what may still be drawn in the running one, and
// the mean of twelve months. Of houses with a P1 meter alone.

import { serverNow } from './api.js';
import { capacityFigures, liveWords } from './capacity_figures.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { PeakChart } from './peak_chart.js';
import { periodField } from './period_field.js';
import { KINDS, addMonths, daysBetween, named } from './period_kinds.js';
import { periodNav } from './period_nav.js';
import { plainTable } from './table.js';
import { dayTime, hourMinute, hours, power } from './words.js';
import { dateOf } from './zone.js';

const LIVE_MS = 20e3;
const PAST_MS = 600e3;
const { title: monthTitle, start: startOf } = KINDS.month;

export class CapacityView {
  #context;
  #month;
  #loading;
  #live = el('section', { class: 'card live', hidden: true });
  #end; // hides it
  #figures = el('dl', { class: 'tiles' });
  #none = el('p', { class: 'hint' }, t('loading')); // or what there is not
  #days;
  #hours;
  #year;
  #list = el('div');
  #cards; // of the month
  #yearCard;

  constructor(context, date) {
    this.#context = context;
    this.#month = startOf(date ?? context.today());
    this.#loading = new Loading(context, { capacity: () => this.#load() });
    this.title = t('capacity_of', { month: monthTitle(this.#month) });
    const { link } = context;
    this.#days = new PeakChart(t('peaks_of_days'), (day) =>
      context.go(link({ view: 'day', date: day.date })),
    );
    this.#hours = new PeakChart(t('peaks_of_hours_long'));
    this.#year = new PeakChart(t('peaks_of_year'), (month) =>
      context.go(link({ view: 'capacity', date: month.date })),
    );
    this.#cards = el(
      'div',
      { class: 'pair peaks', hidden: true },
      card(t('when_peaks'), 'quarters', this.#list),
      card(t('peaks_of_days'), 'days', this.#days.element),
      card(t('peaks_of_hours'), 'hours', this.#hours.element),
    );
    this.#yearCard = card(t('twelve_months'), 'year', this.#year.element);
    this.#yearCard.hidden = true;
    this.element = el(
      'div',
      { class: 'view' },
      this.#nav(),
      el('p', { class: 'quiet' }, t('capacity_explained')),
      this.#loading.element,
      this.#live,
      this.#none,
      this.#figures,
      this.#cards,
      this.#yearCard,
    );
  }

  get jobs() {
    return this.#loading.jobs({ capacity: this.#isRunning ? LIVE_MS : PAST_MS });
  }

  load() {
    return this.#loading.all();
  }

  get #isRunning() {
    return this.#month === startOf(this.#context.today());
  }

  #nav() {
    const { link, go, today, device, zone } = this.#context;
    const first = dateOf(Date.parse(device.p1_first_ts), zone);
    const to = (date) => link({ view: 'capacity', date });
    const after = addMonths(this.#month, 1);
    const field = periodField('month', {
      date: this.#month,
      first,
      last: today(),
      here: this.#context,
      chosen: (date) => go(to(date)),
    });
    return periodNav({
      title: monthTitle(this.#month),
      present: t('go_month'),
      field,
      links: {
        before: this.#month > first ? to(addMonths(this.#month, -1)) : null,
        after: after <= today() ? to(after) : null,
        now: this.#isRunning ? null : link({ view: 'capacity' }),
      },
    });
  }

  async #load() {
    const answer = await this.#context.ask('/v1/p1/capacity', { month: this.#month.slice(0, 7) });
    const { zone } = this.#context;
    this.#showLive(answer.live, zone);
    this.#figures.replaceChildren(...capacityFigures(answer, zone));
    say(
      this.#none,
      answer.peak ? '' : t('no_quarter'),
    );
    this.#none.hidden = Boolean(answer.peak);
    this.#cards.hidden = !answer.peak;
    this.#yearCard.hidden = false;
    this.#days.show(this.#dayBars(answer.days, zone));
    this.#hours.show(answer.hours.map(hourBar));
    this.#year.show(answer.year.months.map(monthBar), yearLines(answer.year));
    this.#list.replaceChildren(quartersTable(answer.quarters, zone));
  }

  // A bar for each day of the month, also for those to come.
  #dayBars(days, zone) {
    const known = new Map(days.map((day) => [day.date, day]));
    return daysBetween(this.#month, addMonths(this.#month, 1)).map((date) =>
      dayBar(known.get(date) ?? { date, avg_power_w: null, isEmpty: true }, zone),
    );
  }

  #showLive(live, zone) {
    clearTimeout(this.#end);
    this.#live.hidden = !live;
    if (!live) return;
    const { line, more } = liveWords(live, zone);
    this.#live.replaceChildren(el('p', { class: 'big' }, line), el('p', { class: 'quiet' }, more));
    // After its quarter hour the line would be wrong, also while the server cannot be reached.
    const end = () => {
      this.#live.hidden = true;
    };
    this.#end = setTimeout(end, Date.parse(live.until) - serverNow());
  }
}

function card(title, id, content) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), content);
}

const span = ({ from, to }, zone) => hours(Date.parse(from), Date.parse(to), zone);

function dayBar({ date, from, to, avg_power_w: watts, missing_quarters: missing, isEmpty }, zone) {
  const name = named(date, { weekday: 'short', day: 'numeric', month: 'short' });
  return {
    date,
    label: named(date, { day: 'numeric' }),
    name: watts === null ? name : `${name}, ${span({ from, to }, zone)}`,
    watts,
    note: missing ? t('quarters_missing', { n: missing }) : '',
    isPart: missing > 0,
    isEmpty,
  };
}

function hourBar({ hour, avg_power_w: watts }) {
  const time = (number) => `${String(number).padStart(2, '0')}:00`;
  return {
    label: String(hour),
    name: `${time(hour)} – ${time((hour + 1) % 24)}`,
    watts,
    note: '',
    isEmpty: true,
  };
}

function monthBar({ month, peak_w: watts, source, billed_w: billed }) {
  const date = `${month}-01`;
  return {
    date,
    label: named(date, { month: 'narrow' }),
    name: monthTitle(date),
    watts,
    note: [source === 'meter' && t('by_the_meter'), billed > watts && t('counted_as', { power: power(billed) })]
      .filter(Boolean)
      .join(', '),
  };
}

function yearLines({ mean_w: mean, floor_w: floor }) {
  return [
    { key: 'mean', watts: mean, type: 'load-line' },
    { key: 'floor', watts: floor || null, type: 'soc-line' },
  ].filter(({ watts }) => watts !== null);
}

function quartersTable(quarters, zone) {
  return plainTable(
    t('highest_quarters'),
    [t('head_from'), t('head_until'), t('head_mean_power')],
    quarters.map(({ from, to, avg_power_w: watts, estimated }) => [
      `${named(dateOf(Date.parse(from), zone), { weekday: 'short' })}, ${dayTime(Date.parse(from), zone)}`,
      hourMinute(Date.parse(to), zone),
      `${estimated ? '≈\u00a0' : ''}${power(watts)}`,
    ]),
  );
}
