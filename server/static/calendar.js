// A year of days as small squares, a column a week: how complete each is. Lost readings stand out.

import { Chart } from './chart.js';
import { el, say, svg } from './dom.js';
import { count, share, when } from './words.js';
import { noon } from './zone.js';

const GRADES = [
  { key: 'full', name: '99 % or more', colour: 'full' },
  { key: 'part', name: '80 to 99 %', colour: 'part' },
  { key: 'low', name: 'Less', colour: 'low' },
  { key: 'lost', name: 'Readings lost', colour: 'lost' },
];
const PARTS = [
  ['failed', 'polls failed'],
  ['in_transit', 'on their way'],
  ['parked', 'parked'],
  ['thinned', 'thinned out'],
  ['forgotten', 'deleted on purpose'],
  ['lost', 'lost'],
];
const TOP = 18;
const ROW = 16;

export class Calendar extends Chart {
  #days = [];
  #first = 0;

  // open(date): what a click or Enter on a day does.
  constructor(open) {
    super({ label: 'Completeness of each day', items: GRADES, height: TOP + 7 * ROW + 2 });
    this.svg.classList.add('opens');
    this.open = (slot) => this.#days[slot] && open(this.#days[slot].date);
    this.note = el('p', { class: 'quiet' }, '');
    this.element.append(this.note);
  }

  // days as /v1/completeness gives them, as many as there are of the last `weeks` weeks.
  show(days, weeks) {
    this.#days = days;
    this.weeks = weeks;
    // Weeks begin on Monday; the last column is the running one.
    const weekday = days.length ? (new Date(noon(days[days.length - 1].date)).getUTCDay() + 6) % 7 : 0;
    this.#first = (weeks - 1) * 7 + weekday - (days.length - 1);
    const lost = days.reduce((sum, day) => sum + Math.max(day.lost, 0), 0);
    say(
      this.note,
      lost
        ? `${count(lost)} readings are lost: the edge numbered them, and they never arrived.`
        : 'No reading is lost: each that the edge numbered is stored or accounted for.',
    );
    this.draw();
    this.select(null);
  }

  slots() {
    return this.#days.length;
  }

  #width() {
    return this.svg.clientWidth / (this.weeks ?? 53);
  }

  #place(slot) {
    const place = slot + this.#first;
    return [Math.floor(place / 7) * this.#width(), TOP + (place % 7) * ROW];
  }

  slotAt(x, y) {
    const row = Math.max(0, Math.min(6, Math.floor((y - TOP) / ROW)));
    return Math.floor(x / this.#width()) * 7 + row - this.#first;
  }

  slotX(slot) {
    const [x, y] = this.#place(slot);
    return [x, this.#width(), y, ROW];
  }

  tell(slot) {
    if (slot === null) {
      if (this.weeks === undefined) return { title: 'Loading…', values: {} };
      const values = Object.fromEntries(
        GRADES.map(({ key }) => [key, days(this.#days.filter((day) => grade(day) === key).length)]),
      );
      return {
        title: this.#days.length ? `The last ${this.weeks} weeks` : 'No reading has arrived yet',
        values,
      };
    }
    const day = this.#days[slot];
    const name = when(noon(day.date), 'UTC', {
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: 'numeric',
    });
    const parts = PARTS.filter(([key]) => day[key]).map(([key, words]) => `${count(day[key])} ${words}`);
    const whole = `${share(ratio(day), 1)} of ${count(day.expected)} readings`;
    return { title: [`${name}: ${whole}`, ...parts].join(', '), values: {} };
  }

  paint() {
    const width = this.#width();
    const empty = Array.from({ length: Math.max(0, this.#first) }, (_, place) =>
      this.#square(place - this.#first, 'none'),
    );
    return [
      ...empty,
      ...this.#days.map((day, slot) => this.#square(slot, grade(day))),
      ...this.#months(width),
    ];
  }

  #square(slot, type) {
    const [x, y] = this.#place(slot);
    return svg('rect', {
      x: x.toFixed(1),
      y,
      width: Math.max(this.#width() - 1.5, 1).toFixed(1),
      height: ROW - 2,
      rx: 2,
      class: `day fill-${type}`,
    });
  }

  #months(width) {
    return this.#days.flatMap(({ date }, slot) =>
      date.endsWith('-01')
        ? [
            svg(
              'text',
              { x: this.#place(slot)[0].toFixed(1), y: 12, class: 'tick' },
              when(noon(date), 'UTC', { month: width < 9 ? 'narrow' : 'short' }),
            ),
          ]
        : [],
    );
  }
}

const days = (number) => `${count(number)} ${number === 1 ? 'day' : 'days'}`;
const ratio = (day) => (day.expected ? Math.min(1, day.stored / day.expected) : null);

function grade(day) {
  if (day.lost > 0) return 'lost';
  const part = ratio(day);
  if (part === null || part >= 0.99) return 'full';
  return part >= 0.8 ? 'part' : 'low';
}
