// The last fifteen minutes, reading by reading: begun with what is stored, carried on by the answers that the page
// gets anyway.

import { isRefused, serverNow } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';
import { LineChart } from './line_chart.js';
import { clock, signedPower } from './words.js';

const LENGTH_MS = 15 * 60e3;
const STEP_MS = 5e3;
const COLUMNS = ['ts', 'pv_power_w', 'load_power_w', 'export_power_w', 'battery_power_w'];

export class Strip {
  #context;
  #points = new Map();
  #chart;
  #none = 'no_readings';

  constructor(context) {
    this.#context = context;
    this.#chart = new LineChart({
      label: t('last_minutes'),
      items: [
        { key: 'pv', name: t('solar'), colour: 'solar', shape: 'line' },
        { key: 'load', name: t('house'), colour: 'house', shape: 'line' },
        { key: 'export', name: t('export_minus_import'), colour: 'export', shape: 'line' },
        { key: 'battery', name: t('battery_in_minus_out'), colour: 'charge', shape: 'line' },
      ],
      height: 190,
      unit: 'kW',
      scale: 1000,
      write: signedPower,
      nameOf: (ms, zone) => clock(ms, zone),
    });
    this.element = el(
      'section',
      { class: 'card', 'aria-labelledby': 'strip' },
      el('h2', { id: 'strip' }, t('last_minutes')),
      this.#chart.element,
    );
  }

  // Without them it begins with the readings to come.
  async load() {
    const now = serverNow();
    const iso = (ms) => new Date(ms).toISOString();
    const asked = { from: iso(now - LENGTH_MS), to: iso(now), bucket: 'raw', columns: COLUMNS.join(',') };
    try {
      const { series } = await this.#context.ask('/v1/series', asked);
      for (const reading of series) this.#keep(reading);
    } catch (error) {
      if (!(error.status !== undefined && (isRefused(error) || error.status === 0))) throw error;
      this.#none = 'not_known_now';
    }
    this.#show();
  }

  add(reading) {
    if (!reading) return;
    this.#keep(reading);
    this.#show();
  }

  #keep({ ts, pv_power_w: pv, load_power_w: load, export_power_w: out, battery_power_w: battery }) {
    const [at, known] = [Date.parse(ts), (value) => value ?? null];
    this.#points.set(at, { at, pv: known(pv), load: known(load), export: known(out), battery: known(battery) });
  }

  #show() {
    const now = serverNow();
    const start = now - LENGTH_MS;
    for (const at of this.#points.keys()) if (at < start) this.#points.delete(at);
    const points = [...this.#points.values()].sort((a, b) => a.at - b.at);
    this.#chart.show({
      start,
      end: now,
      now,
      zone: this.#context.zone,
      stepMs: STEP_MS,
      points,
      gaps: holes(points, start, now),
      title: points.length ? t('readings_of', { n: points.length }) : t(this.#none),
    });
  }
}

// Where nothing was read for half a minute; this strip asks nobody why.
function holes(points, start, now) {
  const usual = points.length > 1 ? (points[points.length - 1].at - points[0].at) / (points.length - 1) : STEP_MS;
  const longest = Math.max(30e3, 3 * usual);
  const ends = [...points.map(({ at }) => at), now];
  return ends
    .map((at, n) => ({ start: n ? ends[n - 1] + Math.min(usual, longest) : start, end: at }))
    .filter((gap) => gap.end - gap.start > longest);
}
