// A year of days as small squares, a column a week: how complete each is. Lost readings stand out. A mark in the
// square says the same as its colour; on a phone fewer weeks are shown, so that a square stays one.

import { Chart } from './chart.js';
import { el, say, svg } from './dom.js';
import { t } from './language.js';
import { share, when } from './words.js';
import { noon } from './zone.js';

const GRADES = ['full', 'part', 'low', 'lost'].map((key) => ({
  key,
  name: t(`calendar_${key}`),
  colour: key,
  shape: `box mark-${key}`,
}));
const PARTS = [
  ['failed', 'calendar_failed'],
  ['in_transit', 'calendar_in_transit'],
  ['parked', 'calendar_parked'],
  ['thinned', 'calendar_thinned'],
  ['forgotten', 'calendar_forgotten'],
  ['lost', 'calendar_lost_some'],
];
// In a square of 8 by 8: nothing for a full day, a dot, a stroke, a cross.
const MARKS = { part: 'M4 4h.01', low: 'M1.5 4h5', lost: 'M1.5 1.5l5 5M6.5 1.5l-5 5' };
const TOP = 18;
const LEFT = 34; // names of weekdays
const MONDAY = '2024-01-01';
const LEAST_WIDTH = 11;

export class Calendar extends Chart {
  #days = [];
  #all = 53;

  // open(date): what a click or Enter on a day does.
  constructor(open) {
    super({ label: t('calendar'), items: GRADES, height: TOP + 7 * 16 + 2 });
    this.svg.classList.add('opens');
    this.element.classList.add('calendar');
    this.open = (slot) => this.#shown()[slot] && open(this.#shown()[slot].date);
    this.note = el('p', { class: 'quiet calendar-note' }, t('loading'));
    this.element.append(this.note);
  }

  // days as /v1/completeness gives them, as many as there are of the last `weeks` weeks.
  show(days, weeks) {
    this.#days = days;
    this.#all = weeks;
    this.isKnown = true;
    const lost = days.reduce((sum, day) => sum + Math.max(day.lost, 0), 0);
    say(this.note, lost ? t('calendar_is_lost', { n: lost }) : t('calendar_none_lost'));
    this.note.hidden = !days.length; // true of nothing at all
    this.renew(days[0]?.date);
  }

  // As many weeks as have room.
  get #weeks() {
    const room = Math.floor((this.svg.clientWidth - LEFT) / LEAST_WIDTH);
    return Math.max(4, Math.min(this.#all, room));
  }

  // Weeks begin on Monday; the last column is the running one.
  get #weekday() {
    const last = this.#days[this.#days.length - 1];
    return last ? (new Date(noon(last.date)).getUTCDay() + 6) % 7 : 0;
  }

  #shown() {
    return this.#days.slice(-((this.#weeks - 1) * 7 + this.#weekday + 1));
  }

  #first() {
    return (this.#weeks - 1) * 7 + this.#weekday - (this.#shown().length - 1);
  }

  slots() {
    return this.#shown().length;
  }

  #width() {
    return (this.svg.clientWidth - LEFT) / this.#weeks;
  }

  #place(slot) {
    const place = slot + this.#first();
    return [LEFT + Math.floor(place / 7) * this.#width(), TOP + (place % 7) * 16];
  }

  slotAt(x, y) {
    const row = Math.max(0, Math.min(6, Math.floor((y - TOP) / 16)));
    return Math.floor((x - LEFT) / this.#width()) * 7 + row - this.#first();
  }

  slotX(slot) {
    const [x, y] = this.#place(slot);
    return [x, this.#width(), y, 16];
  }

  tell(slot) {
    const shown = this.#shown();
    if (slot === null) {
      if (!this.isKnown) return { title: t('loading'), values: {} };
      const values = Object.fromEntries(
        GRADES.map(({ key }) => [key, t('days', { n: shown.filter((day) => grade(day) === key).length })]),
      );
      const title = shown.length ? t('calendar_weeks', { n: this.#weeks }) : t('calendar_empty');
      return { title, values };
    }
    const day = shown[slot];
    const name = when(noon(day.date), 'UTC', {
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: 'numeric',
    });
    const parts = PARTS.filter(([key]) => day[key]).map(([key, word]) => t(word, { n: day[key] }));
    const whole = t('calendar_day', { day: name, share: share(ratio(day), 1), n: day.expected ?? 0 });
    return { title: [whole, ...parts].join(', '), values: {} };
  }

  paint() {
    const first = this.#first();
    const empty = Array.from({ length: Math.max(0, first) }, (_, place) =>
      this.#square(place - first, 'none'),
    );
    return [
      ...this.#weekdays(),
      ...empty.flat(),
      ...this.#shown().flatMap((day, slot) => this.#square(slot, grade(day))),
      ...this.#months(),
    ];
  }

  #square(slot, type) {
    const [x, y] = this.#place(slot);
    const width = Math.max(this.#width() - 1.5, 1);
    const square = svg('rect', {
      x: x.toFixed(1),
      y,
      width: width.toFixed(1),
      height: 14,
      rx: 2,
      class: `day fill-${type}`,
    });
    if (!MARKS[type]) return [square];
    const place = `translate(${(x + width / 2 - 4).toFixed(1)} ${y + 3})`;
    return [square, svg('path', { d: MARKS[type], transform: place, class: 'day-mark' })];
  }

  // Monday, Wednesday, Friday and Sunday.
  #weekdays() {
    return [0, 2, 4, 6].map((row) => {
      const name = when(noon(MONDAY) + row * 86400e3, 'UTC', { weekday: 'short' });
      return svg('text', { x: 0, y: TOP + row * 16 + 11, class: 'tick' }, name);
    });
  }

  // The year is written at its first month.
  #months() {
    const marks = this.#shown().flatMap(({ date }, slot) => (date.endsWith('-01') ? [{ date, slot }] : []));
    return marks.map(({ date, slot }) => {
      const format = date.slice(5, 7) === '01' ? { year: 'numeric' } : { month: this.#width() * 4.3 < 34 ? 'narrow' : 'short' };
      const x = this.#place(slot)[0].toFixed(1);
      return svg('text', { x, y: 12, class: 'tick' }, when(noon(date), 'UTC', format));
    });
  }
}

const ratio = (day) => (day.expected ? Math.min(1, day.stored / day.expected) : null);

function grade(day) {
  if (day.lost > 0) return 'lost';
  const part = ratio(day);
  if (part === null || part >= 0.99) return 'full';
  return part >= 0.8 ? 'part' : 'low';
}
