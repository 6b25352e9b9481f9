// What only a house with a P1 meter has in the views: whose word the grid is, and gas and water. No other
// house loads this.

import { serverNow, trouble } from './api.js';
import { el, say } from './dom.js';
import { AT_THE_METER, WHOLE } from './energy.js';
import { t } from './language.js';
import { clock, energy, mark, momentOfAge, power } from './words.js';

// By grid_source of the API.
const GRID_BY = { p1: t('grid_by_p1'), mixed: t('grid_by_mixed'), inverter: t('grid_by_inverter') };
export const NONE_YET = t('no_inverter_reading_yet');
const SHORT = { p1: t('source_p1'), inverter: t('source_inverter'), mixed: t('source_mixed') };

const ALONE_MS = 10e3;
const VOLUMES = { gas_m3: t('gas'), water_m3: t('water') };

// The digits are those of kWh.
const volume = (m3) => energy(m3).replace('kWh', 'm³');

// Tiles of gas and water, where the meter reads them. then(key, write): what the period before had.
export function sayVolumes(tiles, row, then) {
  for (const [key, name] of Object.entries(VOLUMES)) {
    if (typeof row?.[key] === 'number') tiles.add(key, name);
    tiles.say(key, volume(row?.[key]), [then(key, volume)], mark(row, key));
  }
}

// Whose word the grid is in all of these rows: that of 'p1', 'inverter', or in turns ('mixed'); null: nobody's.
export function sourceOf(rows) {
  const sources = [...new Set(rows.map((row) => row.grid_source).filter(Boolean))];
  return sources.length > 1 ? 'mixed' : (sources[0] ?? null);
}

// An answer about such a house. Each of its rows says what the P1 meter means for its figures: the counters of the
// meter, and of the inverter beside it, cover all of a bucket or nothing of it, so that these figures are `wholes`;
// those of a month cover each of its days or not, so that with readings missing its volumes are the `leasts`. Where
// energy went, only readings of both sources show.
export function marked(answer) {
  if (!answer.series) return answer;
  const isMonth = ['year', 'all'].includes(answer.frame) || answer.bucket === '1mo';
  return { ...answer, series: answer.series.map((row) => ({ ...row, ...marks(row, isMonth) })) };
}

function marks(row, isMonth) {
  if (!['p1', 'mixed'].includes(row.grid_source)) return {};
  const isPaired = row.grid_coverage >= WHOLE * (row.coverage ?? 1);
  const isCounted = (name) =>
    ['counter', 'p1'].some((by) => (row[name] ?? NaN) === row[name.replace('kwh', `${by}_kwh`)]);
  const isDayByDay = isMonth && !isPaired;
  return {
    wholes: isDayByDay ? [] : AT_THE_METER.filter(isCounted),
    leasts: isDayByDay ? Object.keys(VOLUMES) : [],
    lacksFlows: !isPaired,
  };
}

export const shortSource = (row) => SHORT[row.grid_source] ?? '';

export const sourceLine = () => el('p', { class: 'quiet source' });

// source: grid_source of a bucket, or of a sum of them.
export const saySource = (line, source) => say(line, GRID_BY[source] ?? '');

// The line under Now: the same of the newest reading, with what the inverter's own meter says beside it. While the
// inverter says nothing, what the P1 meter says now, which is asked for then.
export class GridNow {
  element = sourceLine();
  jobs = [{ everyMs: ALONE_MS, when: () => this.#isAlone, run: () => this.#ask() }];
  #context;
  #isAlone = false;
  #wasAsked = false; // since it is alone

  constructor(context) {
    this.#context = context;
  }

  // stale: the reading may be long past.
  async show(reading, stale) {
    const { device, zone } = this.#context;
    this.#isAlone = reading ? Boolean(stale) : !device.first_ts;
    if (!this.#isAlone) {
      this.#wasAsked = false;
      say(this.element, nowWords(reading, device, zone));
    } else if (!this.#wasAsked && !document.hidden) await this.#ask();
  }

  async #ask() {
    this.#wasAsked = true;
    try {
      const { power_w: watts, ts } = await this.#context.ask('/p1/v1/realtime');
      if (!this.#isAlone) return;
      const [at, { zone }] = [Date.parse(ts), this.#context];
      const read = momentOfAge(at, (serverNow() - at) / 1000, zone);
      const known = typeof watts === 'number' ? `: ${direction(-watts)}` : '';
      say(this.element, `${t('grid_by_p1_read', { time: read })}${known}`);
    } catch (thrown) {
      trouble(thrown); // the last answer is left as it is, with its time
    }
  }
}

function nowWords(reading, { has_meter: hasOwn }, zone) {
  const { grid_source: source, p1_ts: at, inverter_export_power_w: own } = reading ?? {};
  if (source !== 'p1') return source ? t('grid_by_inverter_now') : '';
  const words = t('grid_by_p1_read', { time: clock(Date.parse(at), zone) });
  const isKnown = hasOwn !== false && own !== null && own !== undefined;
  return isKnown ? t('own_meter_says', { words, what: direction(own) }) : words;
}

function direction(watts) {
  if (Math.abs(watts) < 5) return t('flow_idle');
  return `${t(watts > 0 ? 'flow_exporting' : 'flow_importing')} ${power(watts)}`;
}
