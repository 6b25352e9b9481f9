// What the System view says of the house's P1 meter: how whole its readings are, its clock, and how the inverter's own
// meter compares with it.

import { ask, serverNow, trouble } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';
import { named } from './period_kinds.js';
import { ready, refereeWords } from './referee_words.js';
import { NONE, count, duration, said, share } from './words.js';
import { addDays } from './zone.js';

const DAYS = 30;
const MINUTE = 60e3;
const NEAR_S = 10; // by so much no clock is called wrong

export class P1Cards {
  jobs = { meter: MINUTE };
  #context;
  #facts = el('dl', { class: 'facts' }, fact(t('loading'), ''));
  #clock = fact(t('p1_clock'), t('loading'));
  #verdict = el('div', {}, el('p', { class: 'quiet' }, t('p1_comparing')));

  constructor(context) {
    this.#context = context;
    this.parts = { meter: () => this.#loadMeter(), referee: () => this.#loadReferee() };
    this.element = el(
      'div',
      { class: 'cards' },
      card(t('p1'), 'p1', this.#facts),
      card(t('p1_referee'), 'referee', this.#verdict),
    );
  }

  async #loadMeter() {
    const { today, device } = this.#context;
    const [{ devices }, { days }] = await Promise.all([
      ask('/v1/devices'),
      this.#context.ask('/v1/completeness', { kind: 'p1', from: addDays(today(), 1 - DAYS), to: today() }),
    ]);
    const { p1_newest_ts: newest } = devices.find(({ device_id: id }) => id === device.device_id);
    const seen = since(days, device.p1_first_ts);
    const least = [...seen].sort((one, other) => one.covered - other.covered)[0];
    const lost = days.reduce((sum, day) => sum + Math.max(day.lost, 0), 0);
    this.#facts.replaceChildren(
      fact(t('p1_last'), newest ? t('ago', { ago: duration((serverNow() - Date.parse(newest)) / 1000) }) : NONE),
      fact(t('p1_today'), share(days[days.length - 1].covered, 1)),
      fact(t('p1_days', { n: seen.length }), share(mean(seen), 1)),
      fact(t('p1_least'), least ? said(shortDay(least.date), share(least.covered, 1)) : NONE),
      lost ? fact(t('p1_lost'), count(lost)) : '',
      this.#clock,
    );
  }

  async #loadReferee() {
    const [{ figures, text }] = await Promise.all([this.#context.ask('/v1/referee'), ready().catch(trouble)]);
    this.#clock.lastChild.textContent = clockWords(figures.clock.value);
    this.#verdict.replaceChildren(
      text.length
        ? el('ul', { class: 'gaps sentences' }, text.map(line))
        : el('p', { class: 'quiet' }, t('p1_nothing')),
    );
  }
}

// One that this page does not know is the server's, in English.
function line(sentence) {
  const words = refereeWords(sentence);
  return el('li', { lang: words ? null : 'en' }, words ?? sentence.text);
}

function fact(name, value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value));
}

function card(title, id, content) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), content);
}

const shortDay = (date) => named(date, { day: 'numeric', month: 'short' });
const mean = (days) =>
  days.length ? days.reduce((sum, { covered }) => sum + covered, 0) / days.length : null;

// The days on which there was a meter to be read.
const since = (days, first) =>
  days.filter(({ date, covered }) => covered !== null && date >= first.slice(0, 10));

// seconds: by how much the meter's own clock is ahead.
export function clockWords(seconds) {
  if (seconds === null) return t('p1_clock_silent');
  if (Math.abs(seconds) <= NEAR_S) return t('p1_clock_right');
  return t(seconds > 0 ? 'p1_clock_ahead' : 'p1_clock_behind', { ago: duration(Math.abs(seconds)) });
}
