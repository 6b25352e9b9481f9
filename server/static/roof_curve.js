// The power of the strings through a day, one beside the other; of one alone, also what is usual for it and what a clear
// sky would give, and when something held it back.

import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { keyOf } from './roof_day.js';
import { told } from './room.js';
import { hours, power } from './words.js';

const STEP_MS = 300e3;
const FOOT = 7;
const BOTTOM = 22;
const STRINGS = [1, 2, 3, 4];

export class RoofCurve extends LineChart {
  #points = new Map(); // by slot

  // nameOf(string): what each is called.
  constructor(nameOf) {
    super({
      label: t('strings_of_day'),
      items: [
        ...STRINGS.map((n) => ({ key: keyOf(n), name: nameOf(n), colour: `string-${n}`, shape: 'line' })),
        { key: 'usual', name: t('roof_usual'), colour: 'house', shape: 'line' },
        { key: 'clear', name: t('roof_clear_sky'), colour: 'clear', shape: 'dashes' },
        { key: 'limited', name: t('roof_limited'), colour: 'hatch', type: 'none' },
      ],
      height: 300,
      unit: 'kW',
      scale: 1000,
      write: power,
      nameOf: (ms, zone) => hours(ms, ms + STEP_MS, zone),
    });
  }

  // day: of roof_day.js; alone: the only string, or null for all; title.
  showDay(day, alone, title) {
    const points = day.points.map((p) => {
      const own = STRINGS.map((n) => [keyOf(n), alone === null || alone === n ? (p[keyOf(n)] ?? null) : null]);
      const beside = ['usual', 'clear'].map((key) => [key, alone === null ? null : (p[`${key}_${alone}`] ?? null)]);
      return { at: p.at, mains: p.mains, ...Object.fromEntries([...own, ...beside]), limited: null, held: this.#held(p, day, alone) };
    });
    const shown = points.filter((p) => p.mains !== null || [...STRINGS.map(keyOf), 'usual', 'clear'].some((key) => p[key] !== null));
    this.#points = new Map(points.map((p) => [Math.floor((p.at - day.start) / STEP_MS), p]));
    // What is expected of the hours to come may be pointed at, too.
    this.show({ ...day, points: shown, now: alone !== null && day.isExpected ? day.end : day.now, title });
    const isHeld = points.some(({ held }) => held);
    this.hide([...this.hidden].filter((key) => key !== 'limited').concat(isHeld ? [] : ['limited']));
  }

  #held(p, { strings }, alone) {
    if (alone !== null) return p[`limited_${alone}`] ?? null;
    return strings.map(({ string }) => p[`limited_${string}`]).find(Boolean) ?? null;
  }

  tell(slot) {
    const said = super.tell(slot);
    delete said.values.limited; // it has a name, and no number
    const held = slot === null ? null : this.#points.get(slot)?.held;
    return held ? { ...said, title: `${said.title}, ${told(`roof_limit_${held}`) ?? held}` } : said;
  }

  paint(width) {
    const bottom = this.height - BOTTOM;
    const feet = [...this.#points].filter(([, { held }]) => held);
    const boxes = feet.map(([slot]) => {
      const [x, wide] = this.slotX(slot);
      const foot = this.hatched(x, bottom - FOOT, wide, FOOT);
      foot.classList.replace('hatched', 'held');
      return foot;
    });
    return [...super.paint(width), ...boxes];
  }
}
