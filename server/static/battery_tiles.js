// The figures of the Battery view: of this moment, and of what last night's analysis found; behind each of those is how
// it is made.

import { pointsOf } from './battery_verdict.js';
import { digits, infoButton, isAbsent, isKnown, plusMinus, shortReason, told, wholeReason } from './battery_words.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { NONE, amount, count, percent, power, when } from './words.js';

const DAY = { day: 'numeric', month: 'short', year: 'numeric' };
const within = (figure, places) => {
  const half = plusMinus(figure);
  return half === null ? null : `±\u00a0${digits(half, places)}`;
};

// Of each tile made by the analysis: its figure, how that is written, and what is below it.
const ANALYSED = {
  capacity: {
    of: 'capacity_kwh',
    write: (figure) => amount(figure.value, 2, 'kWh'),
    notes: (figure, { capacity_pct: part }) => [
      within(figure, 2),
      t('battery_n_events', { n: figure.n ?? 0 }),
      isKnown(part) ? t('battery_of_first_year', { share: amount(part.value, 1, '%') }) : null,
    ],
  },
  efficiency: {
    of: 'round_trip_pct',
    write: (figure) => amount(figure.value, 1, '%'),
    notes: (figure, { converter_round_trip_pct: all }) => [
      within(figure, 1),
      isKnown(all) ? t('battery_with_converter', { share: amount(all.value, 1, '%') }) : null,
    ],
  },
  standby: {
    of: 'standby_w',
    write: (figure) => power(figure.value),
    notes: (figure, { standby_kwh_year: year }) => [
      within(figure, 0),
      isKnown(year) ? t('battery_kwh_a_year', { energy: amount(year.value, 0, 'kWh') }) : null,
    ],
  },
  cycles: {
    of: 'full_cycles',
    write: (figure) => count(figure.value),
    notes: ({ value }, { full_cycles_year: year }) => [
      isKnown(year) && year.value < value - 1 ? t('battery_last_year', { n: count(year.value) }) : null,
    ],
  },
  fade: {
    of: 'fade_pct_year',
    write: (figure) => amount(figure.value, 1, '%'),
    notes: (figure) => [within(figure, 1), t('battery_n_events', { n: figure.n ?? 0 })],
  },
};
const TILES = ['capacity', 'soc', 'soh', 'power', 'efficiency', 'standby', 'cycles', 'throughput', 'fade', 'full', 'least', 'temp'];

export class BatteryTiles {
  #tiles = new Map();
  #figures = null; // of the analysis
  #zone;
  element = el('dl', { class: 'tiles figures' });

  constructor(zone) {
    this.#zone = zone;
    for (const key of TILES) this.#add(key);
  }

  #add(key) {
    const name = t(`battery_fig_${key}`);
    const [value, note] = [el('dd', { class: 'value', 'data-figure': key }, NONE), el('dd', { class: 'note' })];
    const info = key in ANALYSED || key === 'soh' ? infoButton(name, () => this.#how(key)) : null;
    const tile = el('div', { class: 'tile' }, el('dt', {}, el('span', {}, name), info), value, note);
    this.#tiles.set(key, { tile, value, note });
    this.element.append(tile);
  }

  say(key, value, ...notes) {
    const tile = this.#tiles.get(key);
    say(tile.value, value);
    say(tile.note, notes.filter(Boolean).join('\n'));
  }

  // figures: of /v1/battery; null where it was never analysed; isNew: of a house that has sent nothing, nothing is promised.
  analysed(figures, isNew) {
    this.#figures = figures;
    this.#tiles.get('soh').tile.hidden = Boolean(figures) && isAbsent(figures.soh_reported_pct);
    for (const [key, { of, write, notes }] of Object.entries(ANALYSED)) {
      const figure = figures?.[of];
      this.#tiles.get(key).tile.hidden = Boolean(figure) && isAbsent(figure);
      if (!figure) this.say(key, NONE, isNew ? '' : t('battery_tonight'));
      else if (isKnown(figure)) this.say(key, write(figure), ...notes(figure, figures).filter(Boolean));
      else this.say(key, NONE, shortReason(figure));
    }
    const hidden = [...this.#tiles.values()].filter(({ tile }) => tile.hidden).length;
    this.element.classList.toggle('is-odd', hidden % 2 === 1);
  }

  // What the battery says of its health, and what that is worth.
  health(reported) {
    const { soh_verdict: verdict } = this.#figures ?? {};
    const worth = isKnown(verdict)
      ? told(`battery_worth_${verdict.value}`, { points: pointsOf(this.#figures) })
      : this.#figures && t('battery_worth_unknown');
    this.say('soh', percent(reported), t('as_battery_says'), worth);
  }

  #how(key) {
    const figure = this.#figures?.[key === 'soh' ? 'soh_verdict' : ANALYSED[key].of];
    const lines = [t(`battery_how_${key}`)];
    if (!figure) return { lines: [...lines, t('battery_verdict_tonight')], worked: -1 };
    if (!isKnown(figure)) return { lines: [...lines, t('battery_not_measured', { why: wholeReason(figure) })], worked: -1 };
    const day = (text) => when(Date.parse(text), this.#zone, DAY);
    const { from, to, n, low, high } = figure;
    const interval = typeof low === 'number' ? t('battery_interval', { low: digits(low, 2), high: digits(high, 2) }) : null;
    const events = n ? t('battery_n_events', { n }) : null;
    const span = from && to ? `${day(from)} – ${day(to)}` : null;
    const shown = this.#tiles.get(key).value.textContent;
    return { lines: [...lines, [shown, interval, events, span].filter(Boolean).join(' · ')], worked: 1 };
  }
}
