// A figure for each string: what it brought that day, what it does now, and how that is against its usual; and what a
// string is. A tile that is pressed shows that string alone.

import { el, say } from './dom.js';
import { t } from './language.js';
import { isKnown, nameOf, why } from './roof_words.js';
import { swatch } from './swatch.js';
import { amount, amperes, energy, hourMinute, percent, power, volts, when } from './words.js';

const LEAST_KWH = 0.05;
const AS_USUAL = 0.03; // less is noise
const atLeast = (isPart) => (isPart ? '≥\u00a0' : '');
const DATE = { day: 'numeric', month: 'long' };

export class RoofTiles {
  #tiles = new Map(); // string to its nodes
  #zone;
  #alone;
  #what = el('div', { class: 'tile what' }, el('dt', {}, t('roof_what')), el('dd', { class: 'note' }, t('roof_what_is')));
  element = el('dl', { class: 'tiles figures' });

  // alone(string or null): what follows where one is pressed.
  constructor(zone, alone) {
    [this.#zone, this.#alone] = [zone, alone];
    this.element.append(this.#what);
  }

  // day: of roof_day.js, or null; found: of /v1/roof, or null; reading: or null where none is of now; chosen: a string.
  show({ day, found, reading, chosen }) {
    const strings = day?.strings.length ? day.strings.map(({ string }) => string) : stringsOf(reading);
    if (strings.join() !== [...this.#tiles.keys()].join()) this.#make(strings);
    this.element.dataset.strings = strings.length;
    this.#what.hidden = !strings.length;
    for (const string of strings) {
      const { name, button, value, note } = this.#tiles.get(string);
      say(name, nameOf(string, found?.strings?.length ? found : day));
      button.setAttribute('aria-pressed', String(string === chosen));
      const brought = day?.strings.find((one) => one.string === string);
      say(value, brought?.kwh === undefined ? '–' : atLeast(day.isPart) + energy(brought.kwh));
      const lines = [nowWords(reading, string), ...(brought ? this.#ofDay(brought, day) : []), ...ofFound(string, { brought, isPart: day?.isPart }, found, this.#zone)];
      say(note, lines.filter(Boolean).join('\n'));
    }
  }

  #make(strings) {
    this.#tiles.clear();
    for (const string of strings) {
      const name = el('span', {});
      const press = () => this.#alone(button.getAttribute('aria-pressed') === 'true' ? null : string);
      const isOne = strings.length < 2;
      const button = el('button', { type: 'button', class: 'string-name', click: press, disabled: isOne }, swatch(`string-${string}`, 'line'), name);
      const value = el('dd', { class: 'value', 'data-figure': `string-${string}` });
      const note = el('dd', { class: 'note' });
      this.#tiles.set(string, { name, button, value, note, tile: el('div', { class: 'tile' }, el('dt', {}, button), value, note) });
    }
    this.element.replaceChildren(...[...this.#tiles.values()].map(({ tile }) => tile), this.#what);
  }

  #ofDay({ kwh, half }, { all, strings, isPart }) {
    const isOne = strings.length < 2;
    const part = percent((kwh / all) * 100);
    return [
      !isOne && all > LEAST_KWH && t(isPart ? 'roof_part_of_measured' : 'of_all_strings', { share: part }),
      kwh > LEAST_KWH && half && t('roof_half_by', { time: hourMinute(half, this.#zone) }),
    ];
  }
}

// Those that a reading tells.
export const stringsOf = (reading) => [1, 2, 3, 4].filter((n) => typeof reading?.[`mppt${n}_voltage_v`] === 'number');

// The W of a string: its part of all that the inverter measures together, as the server has it.
export function wattsOf(reading, string) {
  const ofOne = (n) => (reading[`mppt${n}_voltage_v`] ?? 0) * (reading[`mppt${n}_current_a`] ?? 0);
  const sum = stringsOf(reading).reduce((all, n) => all + ofOne(n), 0);
  if (typeof reading.pv_power_w !== 'number') return ofOne(string);
  return sum > 0 ? (reading.pv_power_w * ofOne(string)) / sum : 0;
}

function nowWords(reading, string) {
  if (!reading) return null;
  const [u, i] = [reading[`mppt${string}_voltage_v`], reading[`mppt${string}_current_a`]];
  if (typeof u !== 'number' || typeof i !== 'number') return null;
  return t('roof_now', { power: power(wattsOf(reading, string)), volts: volts(u), amperes: amperes(i) });
}

function ofFound(string, { brought, isPart }, found, zone) {
  const own = found?.strings?.find((one) => one.string === string);
  if (!own) return [];
  const kwp = own.plane?.kwp;
  return [
    kwp && brought && t('roof_of_kwp', { energy: atLeast(isPart) + amount(brought.kwh / kwp, 1, 'kWh') }),
    own.dead ? t('roof_dead_since', { time: moment(own.dead.since, zone) }) : shareWords(own.share, found, zone),
  ];
}

// What it gives of all, against what is usual with the sun there.
export function shareWords(share, { strings, reason }, zone) {
  // Why nothing is known of the roof at all is said above, once.
  if (strings.length < 2 || !share || (reason && share.reason === reason)) return null;
  if (!isKnown(share)) return t('roof_usual_unknown', { why: why(share) });
  const off = share.value / share.usual - 1;
  const isWithin = share.value >= share.low && share.value <= share.high;
  if (isWithin || Math.abs(off) < AS_USUAL) return t('roof_as_usual');
  // Where one gives less, each other one is more of the whole, and gives no more.
  if (off > 0 && strings.some((one) => one.dead || (isKnown(one.share) && one.share.value < one.share.low))) return null;
  const pct = percent(Math.abs(off) * 100);
  const words = t(off < 0 ? 'roof_less' : 'roof_more', { pct });
  return share.since ? t('roof_since', { what: words, day: moment(share.since, zone) }) : words;
}

// A date stays the date that it is, wherever it is read.
const moment = (text, zone) => (text.length > 10 ? when(Date.parse(text), zone, DATE) : when(Date.parse(`${text}T12:00Z`), 'UTC', DATE));
