// The list of days, weeks, months or years to go to: years and months as buttons, days with a line as long as their sun.

import { trouble } from './api.js';
import { el, set } from './dom.js';
import { t } from './language.js';
import { KINDS, addMonths, daysBetween, monday, named, weekNumber, yearOf } from './period_kinds.js';
import { energy, said } from './words.js';
import { addDays } from './zone.js';

const COLUMNS = ['bucket', 'pv_kwh'];
const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

// kind: day, week, month or year; date: what is shown; first, last: what there is; here: the view's context;
// chosen(date).
export class Picker {
  #box;
  #body = el('div', { class: 'picker-body' });

  constructor(kind, { date, first, last, here, chosen }) {
    Object.assign(this, { kind, date, first: first ?? last, last, here, chosen });
    this.at = KINDS.month.start(date > last ? last : date);
    const close = el('button', { type: 'button', class: 'close plain', 'aria-label': t('close'), click: () => this.#box.close() }, '×');
    this.#box = el(
      'dialog',
      { class: 'card picker', 'aria-labelledby': 'picker' },
      el('div', { class: 'card-head' }, el('h2', { id: 'picker' }, t(`pick_${kind}`)), close),
      this.#body,
    );
    this.#body.addEventListener('keydown', (event) => this.#turn(event));
    this.#box.addEventListener('close', () => this.#box.remove());
    this.#box.addEventListener('click', ({ target }) => target === this.#box && this.#box.close());
  }

  open() {
    document.body.append(this.#box);
    this.#show();
    this.#box.showModal();
    (this.#body.querySelector('[aria-current]') ?? this.#body.querySelector('button'))?.focus();
  }

  #go(date) {
    this.#box.close();
    this.chosen(date);
  }

  // Another month or year is looked at.
  #look(at, group) {
    this.at = at < KINDS.month.start(this.first) ? KINDS.month.start(this.first) : at > this.last ? KINDS.month.start(this.last) : at;
    this.#show();
    (this.#body.querySelector(`.${group} [aria-pressed=true]`) ?? this.#body.querySelector(`.${group} [tabindex="0"]`))?.focus();
  }

  // A month back or on, as in calendars everywhere.
  #turn(event) {
    const months = { PageUp: -1, PageDown: 1 }[event.key];
    const group = { day: 'picker-days', week: 'picker-weeks' }[this.kind];
    if (!months || !group) return;
    event.preventDefault();
    this.#look(addMonths(this.at, months), group);
  }

  #show() {
    const groups = [this.#years()];
    if (this.kind !== 'year') groups.push(this.#months());
    if (this.kind === 'week') groups.push(this.#weeks());
    if (this.kind === 'day') groups.push(this.#days());
    if (this.kind !== 'year') groups.push(el('p', { class: 'quiet' }, t('pick_sun')));
    this.#body.replaceChildren(...groups);
    this.#loadSun();
  }

  #years() {
    const years = [];
    for (let year = Number(yearOf(this.first)); year <= Number(yearOf(this.last)); year++) years.push(String(year));
    const buttons = years.map((year) =>
      this.kind === 'year'
        ? this.#choice(year, `${year}-01-01`, year)
        : this.#place(year, yearOf(this.at) === year, () => this.#look(`${year}${this.at.slice(4)}`, 'picker-years')),
    );
    return groupOf('picker-years', t('pick_year'), buttons, 4);
  }

  #months() {
    const months = Array.from({ length: 12 }, (_, n) => addMonths(`${yearOf(this.at)}-01-01`, n));
    const buttons = months.map((month) => {
      const name = named(month, { month: 'short' });
      const isThere = addMonths(month, 1) > this.first && month <= this.last;
      const button =
        this.kind === 'month'
          ? this.#choice(name, month, KINDS.month.title(month))
          : this.#place(name, month === this.at, () => this.#look(month, 'picker-months'));
      return set(button, { disabled: !isThere });
    });
    return groupOf('picker-months', t('pick_month'), buttons, 4);
  }

  #weeks() {
    const weeks = [];
    for (let day = monday(this.at); day < addMonths(this.at, 1); day = addDays(day, 7)) weeks.push(day);
    const buttons = weeks.map((day) => {
      const button = this.#choice(KINDS.week.short(day), day, said(t('week_n', weekNumber(day)), KINDS.week.title(day)));
      button.prepend(el('span', { class: 'quiet' }, weekNumber(day).n));
      return set(button, { disabled: day > this.last || addDays(day, 7) <= this.first });
    });
    return groupOf('picker-weeks', t('pick_week'), buttons, 1);
  }

  #days() {
    const days = daysBetween(this.at, addMonths(this.at, 1));
    const heads = daysBetween(monday(this.at), addDays(monday(this.at), 7)).map((day) =>
      el('span', { class: 'quiet', 'aria-hidden': true }, named(day, { weekday: 'narrow' })),
    );
    const before = daysBetween(monday(this.at), this.at).map(() => el('span', {}));
    const buttons = days.map((day) =>
      set(this.#choice(String(Number(day.slice(8))), day, KINDS.day.title(day)), { disabled: day < this.first || day > this.last }),
    );
    const box = groupOf('picker-days', t('pick_day'), buttons, 7);
    box.prepend(...heads, ...before);
    return box;
  }

  // What is gone to by a tap.
  #choice(text, date, name) {
    const isHere = KINDS[this.kind].start(this.date) === date;
    const attributes = { type: 'button', 'data-date': date, 'data-name': name, 'aria-label': name, 'aria-current': isHere ? 'date' : null };
    return el('button', { ...attributes, click: () => this.#go(date) }, el('span', {}, text));
  }

  // What is looked at by a tap.
  #place(text, isHere, look) {
    return el('button', { type: 'button', 'aria-pressed': String(isHere), click: look }, text);
  }

  // A line under each day, week or month, as long as its sun beside the most: what one looks for is mostly a good day.
  async #loadSun() {
    const { at, kind } = this;
    if (kind === 'year') return;
    const first = kind === 'month' ? `${yearOf(at)}-01-01` : monday(at);
    const asked = kind === 'month' ? { frame: 'year', date: first } : { from: first, to: addDays(addMonths(at, 1), 6), bucket: '1d' };
    let series = [];
    try {
      ({ series } = await this.here.ask('/v1/series', { ...asked, columns: COLUMNS.join(',') }));
    } catch (thrown) {
      trouble(thrown); // it can be chosen from without
    }
    if (at === this.at) this.#showSun(series);
  }

  #showSun(series) {
    const kwh = new Map();
    for (const { bucket, pv_kwh: one } of series) {
      const date = KINDS[this.kind].start(bucket.slice(0, 10));
      if (typeof one === 'number') kwh.set(date, (kwh.get(date) ?? 0) + one);
    }
    const most = Math.max(0.1, ...kwh.values());
    for (const button of this.#body.querySelectorAll('[data-date]')) {
      const its = kwh.get(button.dataset.date);
      if (its === undefined) continue;
      const line = el('span', { class: 'sun' });
      line.style.width = `${Math.round((Math.max(its, 0) / most) * 100)}%`;
      button.append(el('span', { class: 'sun-box', 'aria-hidden': true }, line));
      button.setAttribute('aria-label', said(button.dataset.name, energy(its)));
    }
  }
}

// Buttons of which one is reached by Tab and the others by the arrows.
function groupOf(type, name, buttons, columns) {
  const isFirst = (button) => button.hasAttribute('aria-current') || button.getAttribute('aria-pressed') === 'true';
  const first = buttons.find(isFirst) ?? buttons.find(({ disabled }) => !disabled);
  for (const button of buttons) button.tabIndex = button === first ? 0 : -1;
  const move = (event) => {
    const by = { ...MOVES, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const there = buttons.filter(({ disabled }) => !disabled);
    const at = there.indexOf(event.target.closest('button'));
    if (by === undefined || at < 0) return;
    event.preventDefault();
    const to = there[Math.max(0, Math.min(at + by, there.length - 1))];
    for (const button of buttons) button.tabIndex = button === to ? 0 : -1;
    to.focus();
  };
  return el('div', { class: type, role: 'group', 'aria-label': name, keydown: move }, buttons);
}
