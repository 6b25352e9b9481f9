// The roof: what each string brings and did that day, where in the sky it is shaded, how it holds against its usual, and
// what the inverter says of itself.

import { serverNow } from './api.js';
import { el, refill, say } from './dom.js';
import { t } from './language.js';
import { Loading } from './loading.js';
import { periodField } from './period_field.js';
import { periodNav, swipes } from './period_nav.js';
import { RoofCurve } from './roof_curve.js';
import { PARTS, partWords, wholeDay } from './roof_day.js';
import { RoofFound } from './roof_found.js';
import { InverterNow, Mains, card } from './roof_inverter.js';
import { RoofTiles } from './roof_tiles.js';
import { verdict } from './roof_verdict.js';
import { nameOf, ready } from './roof_words.js';
import { StateLine } from './state_line.js';
import { energy, longDay } from './words.js';
import { addDays, noon } from './zone.js';

const MINUTE = 60e3;

export async function roofView(context, date) {
  await ready();
  return new RoofView(context, date ?? context.today());
}

class RoofView {
  #context;
  #date;
  #loading;
  #states;
  #tiles;
  #found;
  #now;
  #curve = null;
  #day = null;
  #result; // undefined until it is known, null where there is none
  #reading = null; // of this moment
  #last = null; // the newest, and whether it is old
  #alone;
  #mains = new Mains();
  #known = {}; // of the day, as far as it came
  #awaited = new Set([...Object.keys(PARTS), 'states', 'found']);
  #verdict = el('p', { class: 'verdict roof-verdict' }, t('loading'));
  #choice = el('p', { class: 'map-choice', role: 'group', 'aria-label': t('roof_strings'), hidden: true });
  #part = el('p', { class: 'quiet', hidden: true });
  #none = el('p', { class: 'hint', hidden: true });
  #chartBox = el('div', { class: 'curve-box' });
  #rest; // below the figures: there once it is known what it is

  constructor(context, date) {
    [this.#context, this.#date] = [context, date];
    this.title = t('roof_of', { day: longDay(noon(date), 'UTC') });
    this.#alone = Number(context.query?.get('string')) || null;
    this.#states = new StateLine(context);
    this.#now = new InverterNow(context);
    this.#tiles = new RoofTiles(context.zone, (string) => this.#choose(string));
    this.#found = new RoofFound(context, () => this.#chooseMap());
    const part = (name, loadIt) => async () => {
      try {
        await loadIt();
      } finally {
        this.#arrived(name);
      }
    };
    const ofDay = (name) => [name, part(name, () => this.#loadDay(name))];
    const parts = {
      ...Object.fromEntries(Object.keys(PARTS).map(ofDay)),
      states: part('states', () => this.#states.load(date)),
      found: part('found', () => this.#loadFound()),
    };
    const places = {
      strings: [this.#chartBox, this.#tiles.element],
      grid: this.#mains.element,
      counter: this.#part,
      expected: this.#choice,
      states: this.#states.element,
      found: this.#verdict,
    };
    this.#loading = new Loading(context, parts, places);
    this.#tiles.element.hidden = true;
    this.#rest = el('div', { class: 'view rest', hidden: true }, this.#below());
    this.element = el(
      'div',
      { class: 'view roof-view', 'data-coming': true },
      this.#nav(),
      this.#verdict,
      this.#loading.element,
      this.#none,
      this.#tiles.element,
      this.#rest,
    );
    swipes(this.element, this.swipeTo, context.go);
  }

  #below() {
    const curve = card('strings_of_day', this.#choice, this.#chartBox, this.#part);
    const now = this.#isToday ? this.#now.element : null;
    return [
      this.#found.warnings,
      this.#found.maps.element,
      curve,
      this.#found.element,
      this.#states.element,
      el('div', { class: 'pair' }, now, this.#mains.element),
      this.#found.made,
    ];
  }

  // What tells the names of strings.
  get #named() {
    return this.#result?.strings.length ? this.#result : this.#day;
  }

  get #isToday() {
    return this.#date === this.#context.today();
  }

  get jobs() {
    const seldom = { grid: 5 * MINUTE, counter: 5 * MINUTE, states: 5 * MINUTE, expected: 30 * MINUTE };
    return this.#loading.jobs({ ...(this.#isToday ? { strings: MINUTE, ...seldom } : {}), found: 60 * MINUTE });
  }

  load() {
    return this.#loading.all();
  }

  #link(more) {
    const { link } = this.#context;
    const date = this.#isToday ? null : this.#date;
    return link({ view: 'roof', date, string: this.#alone, map: this.#found.maps.kind, ...more });
  }

  #nav() {
    const { go, today, firstDate } = this.#context;
    const date = this.#date;
    const links = {
      before: firstDate === null || date > firstDate ? this.#link({ date: addDays(date, -1) }) : null,
      after: date < today() ? this.#link({ date: addDays(date, 1) }) : null,
      now: date === today() ? null : this.#link({ date: null }),
    };
    const chosen = (day) => go(this.#link({ date: day }));
    const field = periodField('day', { date, first: firstDate, last: today(), here: this.#context, chosen });
    this.swipeTo = links;
    return periodNav({ title: this.title, links, present: t('go_today'), field });
  }

  reading(reading, stale) {
    if (!reading || !this.#isToday) return;
    [this.#reading, this.#last] = [stale ? null : reading, [reading, stale]];
    this.#showTiles();
  }

  #showTiles() {
    if (this.#last) this.#now.show(...this.#last, this.#named);
    this.#tiles.show({ day: this.#day, found: this.#result ?? null, reading: this.#reading, chosen: this.#alone });
  }

  // One string alone, or all; the address keeps it.
  #choose(string) {
    this.#alone = string;
    this.#context.replace(this.#link({}));
    this.#showTiles();
    this.#showCurve();
  }

  async #chooseMap() {
    this.#context.replace(this.#link({}));
    await this.#loading.part('found');
  }

  async #loadFound() {
    try {
      this.#result = await this.#found.load();
    } catch (error) {
      if (this.#result === undefined) say(this.#verdict, t('not_loaded'));
      this.#found.maps.element.hidden ||= !this.#result;
      throw error;
    }
    say(this.#verdict, this.#context.device.first_ts ? verdict(this.#result).join(' ') : t('well_nothing_yet'));
    this.#showTiles();
    this.#showCurve();
  }

  async #loadDay(name) {
    Object.assign(this.#known, await PARTS[name](this.#context, this.#date));
    if (!this.#known.strings) return;
    this.#day = wholeDay(this.#known, this.#context.zone);
    this.#found.maps.at(serverNow());
    const { start, end, gaps, litMs } = this.#day;
    this.#states.within(start, end, gaps, litMs);
    this.#sayNone();
    this.#mains.show(this.#day, this.#date);
    this.#showTiles();
    this.#showCurve();
  }

  // What is below appears as a whole, with the last answer: shown piece by piece it would jump.
  #arrived(name) {
    this.#awaited.delete(name);
    this.#tiles.element.hidden = ['strings', 'counter', 'found'].some((one) => this.#awaited.has(one));
    if (this.#awaited.size || !this.#rest.hidden) return;
    delete this.element.dataset.coming;
    this.#rest.hidden = !this.#context.device.first_ts;
    this.#sayNone();
    this.#showCurve();
  }

  // Why there is no string, once all of the day is known.
  #sayNone() {
    const { strings, points } = this.#day ?? { strings: [null] };
    this.#none.hidden = this.#rest.hidden || strings.length > 0;
    if (!this.#none.hidden) say(this.#none, t(points.length ? 'no_strings' : 'no_readings_on_day_stop'));
    this.#none.hidden ||= this.#none.textContent === this.#verdict.textContent; // once is enough
  }

  #showCurve() {
    if (!this.#day || this.#rest.hidden) return;
    const { strings, points } = this.#day;
    this.#chartBox.closest('section').hidden = !points.length || !strings.length;
    const numbers = strings.map(({ string }) => string);
    const alone = numbers.length === 1 ? numbers[0] : numbers.includes(this.#alone) ? this.#alone : null;
    const name = (string) => nameOf(string, this.#named);
    if (!this.#curve) {
      this.#curve = new RoofCurve(name);
      this.#chartBox.append(this.#curve.element);
    }
    this.#curve.showDay(this.#day, alone, alone === null ? t('roof_all_strings') : name(alone));
    this.#choice.hidden = numbers.length < 2;
    const button = (string, words) =>
      el('button', { type: 'button', 'aria-pressed': String(string === alone), click: () => this.#choose(string) }, words);
    if (numbers.length > 1) refill(this.#choice, button(null, t('roof_all')), ...numbers.map((string) => button(string, name(string))));
    say(this.#part, partWords(this.#day, energy));
    this.#part.hidden = !this.#part.textContent;
  }
}
