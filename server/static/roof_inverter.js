// What the inverter says of itself at this moment, and the mains through a day.

import { el, say } from './dom.js';
import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { ALLOWED_V, mainsOf } from './roof_day.js';
import { wattsOf } from './roof_tiles.js';
import { nameOf } from './roof_words.js';
import { stateWords } from './running_state.js';
import { amperes, clock, hertz, hours, longDay, power, temperature, volts } from './words.js';
import { noon } from './zone.js';

const STEP_MS = 300e3;
const STRINGS = [1, 2, 3, 4];

export const card = (id, ...content) =>
  el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, t(id)), content);

export class InverterNow {
  #context;
  #facts = el('dl', { class: 'facts' });
  #asOf = el('p', { class: 'as-of', hidden: true });

  constructor(context) {
    this.#context = context;
    this.element = card('inverter_now', this.#asOf, this.#facts);
    this.element.hidden = true; // until there is a reading
  }

  // found: of /v1/roof, or of the day: what strings are called.
  show(reading, stale, found) {
    this.element.hidden = false;
    this.#asOf.hidden = !stale;
    say(this.#asOf, t('not_live_as_of', { time: clock(Date.parse(reading.ts), this.#context.zone) }));
    const rows = [
      [t('inverter_state'), stateWords(reading.running_state)],
      ...STRINGS.map((n) => [nameOf(n, found), stringWords(reading, n)]),
      [t('inverter_temp'), temperature(reading.inverter_temp_c)],
      [t('mains_volts'), volts(reading.grid_voltage_v)],
      [t('mains_hertz'), hertz(reading.grid_frequency_hz)],
    ].filter(([, value]) => value && value !== '–');
    this.#facts.replaceChildren(...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  }
}

function stringWords(reading, n) {
  const [u, i] = [reading[`mppt${n}_voltage_v`], reading[`mppt${n}_current_a`]];
  if (typeof u !== 'number' || typeof i !== 'number') return null;
  return `${power(wattsOf(reading, n))} (${volts(u)} × ${amperes(i)})`;
}

// Whether the voltage kept within what is allowed; its curve is folded, since drawn over the full height a few volts
// look like an alarm.
export class Mains {
  #words = el('p', {});
  #chart = new LineChart({
    label: t('mains_volts'),
    items: [{ key: 'mains', name: t('mains_volts'), colour: 'import', shape: 'line' }],
    height: 170,
    unit: 'V',
    isAround: true,
    write: volts,
    nameOf: (ms, zone) => hours(ms, ms + STEP_MS, zone),
  });
  element = card('mains_volts', this.#words, el('details', {}, el('summary', {}, t('roof_mains_curve')), this.#chart.element));

  show(day, date) {
    const found = mainsOf(day.points);
    this.element.hidden = !found;
    if (!found) return;
    const { least, most, isWithin } = found;
    const values = { least: volts(least), most: volts(most), from: volts(ALLOWED_V.least), to: volts(ALLOWED_V.most) };
    const kind = isWithin === null ? 'only' : isWithin ? 'within' : 'beyond';
    say(this.#words, t(`roof_mains_${kind}`, values));
    const points = day.points.filter((p) => p.mains !== null);
    this.#chart.show({ ...day, points, title: longDay(noon(date), 'UTC') });
  }
}
