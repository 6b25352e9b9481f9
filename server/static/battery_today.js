// The battery's day: how full it was, what it did, how warm it was, and its voltage.

import { serverNow } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { hours, longDay, percent, power, temperature, volts } from './words.js';
import { addDays, inMs } from './zone.js';

const STEP_MS = 300e3;
const COLUMNS = ['bucket', 'avg_battery_power_w', 'avg_battery_soc_pct', 'avg_battery_temp_c', 'avg_battery_voltage_v'];
const nameOf = (ms, zone) => hours(ms, ms + STEP_MS, zone);
const known = (value) => value ?? null;

export const battery = (word, items, unit, write, more = {}) =>
  new LineChart({ label: t(word), items, height: 240, unit, write, nameOf, ...more });

export const inAndOut = () => [
  { key: 'charge', name: t('battery_in'), colour: 'charge', type: 'area' },
  { key: 'discharge', name: t('battery_out'), colour: 'discharge', type: 'area' },
];

export const card = (id, ...content) =>
  el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, t(id)), content);

export class BatteryToday {
  #context;
  points = [];
  soc = battery('charge_today', [{ key: 'soc', name: t('charge_level'), colour: 'soc', type: 'area' }], '%', percent, {
    most: 100,
  });
  power = battery('battery_power_today', inAndOut(), 'kW', power, { scale: 1000 });
  temp = battery('battery_temp', [{ key: 'temp', name: t('temperature'), colour: 'import', shape: 'line' }], '°C', temperature, {
    height: 170,
    isAround: true,
  });
  volts = battery('battery_volts', [{ key: 'volts', name: t('voltage'), colour: 'export', shape: 'line' }], 'V', volts, {
    height: 170,
    isAround: true,
  });
  charts = [this.soc, this.power, this.temp, this.volts];
  // What the inverter does not tell has no card.
  ofPack = [card('battery_temp', this.temp.element), card('battery_volts', this.volts.element)];

  constructor(context) {
    this.#context = context;
  }

  async load() {
    const { ask, today, zone } = this.#context;
    const range = { from: today(), to: addDays(today(), 1) };
    const [answer, { gaps }] = await Promise.all([
      ask('/v1/series', { ...range, bucket: '5m', fields: 'battery', columns: COLUMNS.join(',') }),
      ask('/v1/gaps', range),
    ]);
    const points = answer.series.map(pointOf);
    const shown = {
      start: Date.parse(answer.from),
      end: Date.parse(answer.to),
      now: serverNow(),
      zone,
      stepMs: STEP_MS,
      points: points.filter((p) => p.soc !== null || p.charge !== null),
      gaps: gaps.map(inMs),
      title: longDay(serverNow(), zone),
    };
    for (const chart of [this.soc, this.power]) chart.show(shown);
    this.points = shown.points;
    for (const key of ['temp', 'volts']) {
      const own = points.filter((p) => p[key] !== null);
      this[key].element.closest('section').hidden = !own.length;
      if (own.length) this[key].show({ ...shown, points: own });
    }
  }
}

function pointOf(row) {
  const watts = known(row.avg_battery_power_w);
  return {
    at: Date.parse(row.bucket),
    soc: known(row.avg_battery_soc_pct),
    charge: watts === null ? null : Math.max(watts, 0),
    discharge: watts === null ? null : Math.min(watts, 0),
    temp: known(row.avg_battery_temp_c),
    volts: known(row.avg_battery_voltage_v),
  };
}
