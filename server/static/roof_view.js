// The roof: the watts of each string through a day, one beside the other, and what the inverter says of itself.

import { serverNow } from './api.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { Loading } from './loading.js';
import { periodField } from './period_field.js';
import { periodNav, swipes } from './period_nav.js';
import { stateWords } from './running_state.js';
import { StateLine } from './state_line.js';
import { amperes, clock, energy, hertz, hourMinute, hours, longDay, percent, power, temperature, volts } from './words.js';
import { addDays, inMs, noon } from './zone.js';

const MINUTE = 60e3;
const STEP_MS = 300e3;
const DARK_MS = 3600e3; // so long without sun, the day of the panels is over
const STRINGS = [1, 2, 3, 4];
const FIELDS = ['mppt', 'grid'];
const step = (ms, zone) => hours(ms, ms + STEP_MS, zone);
const keyOf = (string) => `avg_mppt${string}_power_w`;

export class RoofView {
  #context;
  #date;
  #loading;
  #states;
  #facts = el('dl', { class: 'facts' });
  #asOf = el('p', { class: 'as-of', hidden: true });
  #sums = el('dl', { class: 'tiles figures' });
  #none = el('p', { class: 'hint', hidden: true }, t('no_strings'));
  #chart = new LineChart({
    label: t('strings_of_day'),
    items: STRINGS.map((n) => ({ key: keyOf(n), name: t('string_n', { n }), colour: `string-${n}`, shape: 'line' })),
    height: 300,
    unit: 'kW',
    scale: 1000,
    write: power,
    nameOf: step,
  });
  #mains = new LineChart({
    label: t('mains_volts'),
    items: [{ key: 'avg_grid_voltage_v', name: t('mains_volts'), colour: 'import', shape: 'line' }],
    height: 170,
    unit: 'V',
    isAround: true,
    write: volts,
    nameOf: step,
  });

  constructor(context, date) {
    this.#context = context;
    this.#date = date ?? context.today();
    this.title = t('roof_of', { day: longDay(noon(this.#date), 'UTC') });
    this.#states = new StateLine(context);
    const parts = { strings: () => this.#load(), states: () => this.#states.load(this.#date) };
    const places = { strings: [this.#chart.element, this.#sums], states: this.#states.element };
    this.#loading = new Loading(context, parts, places);
    const card = (id, ...content) => el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, t(id)), content);
    this.mains = card('mains_volts', this.#mains.element);
    this.now = card('inverter_now', this.#asOf, this.#facts);
    this.element = el(
      'div',
      { class: 'view roof-view' },
      this.#nav(),
      this.#loading.element,
      this.#none,
      card('strings_of_day', this.#chart.element),
      this.#sums,
      this.#states.element,
      el('div', { class: 'pair' }, this.now, this.mains),
    );
    swipes(this.element, this.swipeTo, context.go);
  }

  get jobs() {
    return this.#loading.jobs(this.#date === this.#context.today() ? { strings: MINUTE, states: 5 * MINUTE } : {});
  }

  load() {
    return this.#loading.all();
  }

  #nav() {
    const { link, go, today, firstDate } = this.#context;
    const date = this.#date;
    const to = (day) => link({ view: 'roof', date: day });
    const links = {
      before: firstDate === null || date > firstDate ? to(addDays(date, -1)) : null,
      after: date < today() ? to(addDays(date, 1)) : null,
      now: date === today() ? null : link({ view: 'roof' }),
    };
    const title = longDay(noon(date), 'UTC');
    const chosen = (day) => go(to(day));
    const field = periodField('day', { date, first: firstDate, last: today(), here: this.#context, chosen });
    const nav = periodNav({ title, links, present: t('go_today'), field });
    this.swipeTo = links;
    return nav;
  }

  reading(reading, stale) {
    if (!reading) return;
    this.#asOf.hidden = !stale;
    say(this.#asOf, t('not_live_as_of', { time: clock(Date.parse(reading.ts), this.#context.zone) }));
    const { running_state: state } = reading;
    const rows = [
      [t('inverter_state'), stateWords(state)],
      ...STRINGS.map((n) => [t('string_n', { n }), stringWords(reading, n)]),
      [t('inverter_temp'), temperature(reading.inverter_temp_c)],
      [t('mains_volts'), volts(reading.grid_voltage_v)],
      [t('mains_hertz'), hertz(reading.grid_frequency_hz)],
    ].filter(([, value]) => value && value !== '–');
    this.#facts.replaceChildren(...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  }

  async #load() {
    const { ask, zone } = this.#context;
    const range = { from: this.#date, to: addDays(this.#date, 1) };
    const columns = ['bucket', 'sample_count', ...STRINGS.map(keyOf), 'avg_grid_voltage_v'].join(',');
    const [answer, { gaps }] = await Promise.all([
      ask('/v1/series', { ...range, bucket: '5m', fields: FIELDS.join(','), columns }),
      ask('/v1/gaps', range),
    ]);
    const points = answer.series
      .filter((row) => row.sample_count > 0)
      .map((row) => ({ ...row, at: Date.parse(row.bucket) }));
    const seen = STRINGS.filter((n) => points.some((p) => typeof p[keyOf(n)] === 'number'));
    const shown = {
      start: Date.parse(answer.from),
      end: Date.parse(answer.to),
      now: serverNow(),
      zone,
      stepMs: STEP_MS,
      points,
      gaps: gaps.map(inMs),
      title: seen.length ? t('strings_seen', { n: seen.length }) : t(points.length ? 'no_strings' : 'no_readings_on_day'),
    };
    this.#chart.show(shown);
    this.#states.within(shown.start, shown.end);
    this.#none.hidden = seen.length > 0 || !points.length;
    this.mains.hidden = !points.some((p) => typeof p.avg_grid_voltage_v === 'number');
    if (!this.mains.hidden) this.#mains.show({ ...shown, title: longDay(noon(this.#date), 'UTC') });
    this.#showSums(points, seen);
  }

  // The part before the middle of the sun: strings of one direction that differ in it are shaded differently.
  #morning(points, n, kwh, middle) {
    const early = points.filter(({ at }) => at < middle).reduce((sum, p) => sum + ((p[keyOf(n)] ?? 0) * STEP_MS) / 3.6e9, 0);
    return t('string_morning', { share: percent((early / kwh) * 100), time: hourMinute(middle, this.#context.zone) });
  }

  // What each string brought, and its part of the whole, where there are several.
  #showSums(points, seen) {
    const kwh = seen.map((n) => points.reduce((sum, p) => sum + ((p[keyOf(n)] ?? 0) * STEP_MS) / 3.6e9, 0));
    const all = kwh.reduce((sum, one) => sum + one, 0);
    const middle = middleOfSun(points, seen);
    this.#sums.replaceChildren(
      ...seen.map((n, index) =>
        el(
          'div',
          { class: 'tile' },
          el('dt', {}, t('string_n', { n })),
          el('dd', { class: 'value', 'data-figure': `string-${n}` }, energy(kwh[index])),
          el('dd', { class: 'note' }, [
            all > 0.05 && seen.length > 1 && t('of_all_strings', { share: percent((kwh[index] / all) * 100) }),
            kwh[index] > 0.05 && middle && this.#morning(points, n, kwh[index], middle),
          ].filter(Boolean).join('\n')),
        ),
      ),
    );
  }
}

// The middle between the first and the last sun of the day, in ms; null without any, where a part of it was not read, and
// while the sun may still shine.
function middleOfSun(points, seen) {
  const lit = points.filter((p) => seen.some((n) => p[keyOf(n)] > 0));
  const [first, last] = [lit[0]?.at, lit[lit.length - 1]?.at];
  const read = points.filter(({ at }) => at >= first && at <= last);
  const isWhole = lit.length && read.length > (last - first) / STEP_MS && points[points.length - 1].at - last > DARK_MS;
  return isWhole ? (first + last + STEP_MS) / 2 : null;
}

function stringWords(reading, n) {
  const [u, i] = [reading[`mppt${n}_voltage_v`], reading[`mppt${n}_current_a`]];
  if (typeof u !== 'number' || typeof i !== 'number') return null;
  return `${power(u * i)} (${volts(u)} × ${amperes(i)})`;
}
