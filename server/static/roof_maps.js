// The sun-path charts, one for each string: of all days, of the last sixty, or how those differ from the same a year
// ago; what was found in them in words; and the same as a table, for who cannot see or wants to compute.

import { serverNow } from './api.js';
import { el, refill, say } from './dom.js';
import { t } from './language.js';
import { cellsOf, changesOf, directionOf } from './roof_cells.js';
import { RoofMapChart, winterOf } from './roof_map_chart.js';
import { nameOf, wholeWhy } from './roof_words.js';
import { told } from './room.js';
import { plainTable } from './table.js';
import { amount, count, longDay } from './words.js';
import { noon, offsetName } from './zone.js';

const KINDS = ['all', 'last60', 'change'];
const ASKED = { all: ['all'], last60: ['last60'], change: ['last60', 'last60_before'] };

export class RoofMaps {
  #context;
  #kind;
  #found = null;
  #shown = null; // which map, of which night
  #maps = new Map(); // string to its nodes
  #choice = el('p', { class: 'map-choice', role: 'group', 'aria-label': t('roof_map_days') });
  #charts = el('div', { class: 'pair maps' });
  #what = el('p', { class: 'quiet' });
  element = el(
    'section',
    { class: 'card maps-card', 'aria-labelledby': 'roof-maps' },
    el('h2', { id: 'roof-maps' }, t('roof_maps')),
    this.#what,
    this.#choice,
    this.#charts,
  );

  // chosen(kind): what follows where another one is chosen.
  constructor(context, chosen) {
    this.#context = context;
    const asked = context.query?.get('map');
    this.#kind = KINDS.includes(asked) ? asked : 'all';
    const button = (kind) => el('button', { type: 'button', 'data-map': kind, click: () => this.#choose(kind, chosen) }, t(`roof_map_${kind}`));
    this.#choice.append(...KINDS.map(button));
    const year = new Date(serverNow()).getUTCFullYear();
    say(this.#what, t('roof_maps_what', { zone: offsetName(winterOf(year, context.zone), context.zone) }));
    this.#press();
  }

  get kind() {
    return this.#kind === 'all' ? null : this.#kind;
  }

  async #choose(kind, chosen) {
    this.#kind = kind;
    this.#press();
    chosen();
  }

  #press() {
    for (const button of this.#choice.children) button.setAttribute('aria-pressed', String(button.dataset.map === this.#kind));
  }

  // found: of /v1/roof.
  async load(found) {
    this.#found = found;
    const { place, strings } = found;
    this.element.hidden = !place || !strings.length;
    if (this.element.hidden) return;
    const { ask } = this.#context;
    const kind = this.#kind;
    const what = `${kind} ${found.computed_at}`;
    if (what === this.#shown) return; // it changes once a night
    const answers = await Promise.all(
      strings.map(({ string }) => Promise.all(ASKED[kind].map((period) => ask('/v1/shade', { string, period })))),
    );
    if (kind !== this.#kind) return; // another one was chosen meanwhile
    strings.forEach((one, n) => this.#show(one, answers[n]));
    this.#sayOnce(strings);
    this.#shown = what;
    const shown = strings.map(({ string }) => this.#maps.get(string).element);
    if (shown.some((node, n) => this.#charts.children[n] !== node)) this.#charts.replaceChildren(...shown);
  }

  // What holds for several strings is said of the first of them.
  #sayOnce(strings) {
    const said = new Set();
    for (const { string } of strings) {
      const { reason } = this.#maps.get(string);
      reason.hidden ||= said.has(reason.textContent);
      said.add(reason.textContent);
    }
  }

  // The sun goes on.
  at(ms) {
    for (const { chart } of this.#maps.values()) chart.at(ms);
  }

  #make(string) {
    const name = nameOf(string, this.#found);
    const chart = new RoofMapChart(name);
    const [words, table] = [el('ul', { class: 'map-words' }), el('div', {})];
    const fold = el('details', { class: 'map-table', toggle: () => this.#fill(string) }, el('summary', {}, t('roof_map_table', { name })), table);
    const reason = el('p', { class: 'why' });
    const element = el('div', { class: 'map', 'data-string': string }, el('h3', {}, name), reason, chart.element, words, fold);
    this.#maps.set(string, { chart, words, table, fold, reason, element });
  }

  #show(one, answers) {
    const { string, map } = one;
    if (!this.#maps.has(string)) this.#make(string);
    const its = this.#maps.get(string);
    const { place } = this.#found;
    const ms = serverNow();
    const year = new Date(ms).getUTCFullYear();
    its.cells = this.#kind === 'change' ? changesOf(...answers, place) : cellsOf(answers[0], place, year);
    its.csv = answers[0].period;
    const ofMap = this.#kind !== 'change' && map?.reason ? map : null;
    const lacking = ofMap ?? answers.find(({ reason }) => reason) ?? (its.cells.length ? null : { reason: 'no_year_ago' });
    say(its.reason, lacking ? wholeWhy(lacking) : '');
    its.reason.hidden = !lacking;
    its.chart.element.hidden = its.cells.length === 0;
    const title = t(`roof_map_title_${this.#kind}`, { n: answers[0].days ?? 0 });
    if (its.cells.length) its.chart.show({ cells: its.cells, place, zone: this.#context.zone, title, ms });
    refill(its.words, ...(this.#kind === 'all' && !lacking ? mapWords(map) : []).map((words) => el('li', {}, words)));
    its.fold.hidden = !its.cells.some(({ kind }) => kind !== 'never');
    this.#fill(string);
  }

  // Some seven hundred lines, made when they are asked for.
  #fill(string) {
    const { fold, table, cells, csv } = this.#maps.get(string);
    if (!fold.open) return;
    const { device } = this.#context;
    const query = new URLSearchParams({ device_id: device.device_id, string, period: csv, format: 'csv' });
    const link = el('p', { class: 'table-foot' }, el('a', { href: `/v1/shade?${query}`, download: '' }, t('csv')));
    table.replaceChildren(cellTable(t('roof_map_table', { name: nameOf(string, this.#found) }), cells), link);
  }
}

function cellTable(caption, cells) {
  const heads = ['azimuth', 'elevation', 'performance', 'readings', 'days', 'last'].map((key) => t(`roof_head_${key}`));
  const rows = cells
    .filter(({ kind }) => kind !== 'never')
    .map(({ azimuth, elevation, kind, performance, change, n, days, seen }) => [
      `${azimuth}° ${t(`roof_short_dir_${directionOf(azimuth)}`)}`,
      amount(elevation, 1, '°').replace('\u00a0', ''),
      change === undefined
        ? kind === 'few' ? t('roof_too_few') : amount(performance * 100, 0, '%')
        : `${change < 0 ? '−' : '+'}${amount(Math.abs(change) * 100, 0, '%')}`,
      count(n),
      count(days),
      seen ? longDay(noon(seen.slice(0, 10)), 'UTC') : '',
    ]);
  return plainTable(caption, heads, rows);
}

// What was found, and how sure that is. map: of a string of /v1/roof.
export function mapWords(map) {
  if (!map) return [];
  const spans = (map.words ?? []).map(({ azimuth_from_deg: from, azimuth_to_deg: to, elevation_to_deg: high, kind }) =>
    told(`roof_found_${kind}`, {
      direction: t(`roof_dir_${directionOf((from + (to < from ? to + 360 : to)) / 2)}`),
      from: `${count(from)}°`,
      to: `${count(to % 360)}°`,
      high: `${count(high)}°`,
    }),
  );
  const none = spans.length || map.shaded_bins || map.partly_bins || !map.seen_bins ? null : t('roof_no_shade');
  return [...spans, none, map.unsettled ? t('roof_unsettled') : null].filter(Boolean);
}
