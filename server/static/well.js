// The first line of the System view: that all is well, or what is not and what to do about it.

import { serverNow } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';
import { duration } from './words.js';

const EDGE_SILENT_S = 600; // it reports once a minute
const WAITING_S = 600;
const LATELY_DAYS = 7; // what was set aside before, is in the list below
const LOST_DAYS = 30;
const sinceS = (text) => (serverNow() - Date.parse(text)) / 1000;

export class Well {
  element = el('section', { class: 'card well', 'aria-live': 'polite' }, el('p', { class: 'big' }, t('looking')));
  #found = new Map(); // part to its sentences
  #parts;
  #time = null; // of when all this is, where it is not of now

  // parts: those that must have spoken before all can be called well.
  constructor(parts) {
    this.#parts = parts;
  }

  // sentences: what is not well of this part; none: it is. One that only `echoes` what another says with what to do,
  // {words, echoes} beside {words, word} of the same word of the inverter, is left out.
  say(part, sentences) {
    this.#found.set(part, sentences.filter(Boolean));
    this.#show();
  }

  // time: of when all this is while the server does not answer; null: of now.
  asOf(time) {
    this.#time = time;
    this.#show();
  }

  #told() {
    const all = [...this.#found.values()].flat();
    const known = new Set(all.map(({ word }) => word));
    return all.filter(({ echoes }) => !echoes || !known.has(echoes)).map((one) => one.words ?? one);
  }

  #show() {
    const all = this.#told();
    const isWhole = this.#parts.every((name) => this.#found.has(name));
    const time = this.#time;
    if (!all.length && !isWhole && !time) return;
    const key = [isWhole, time, ...all].join('\n');
    if (key === this.key) return;
    this.key = key;
    this.element.dataset.well = time ? 'unknown' : all.length ? 'no' : 'yes';
    const words = all.length ? t('not_all_well', { n: all.length }) : t(isWhole ? 'all_well' : 'not_known_now');
    const isOf = time && (isWhole || all.length);
    this.element.replaceChildren(
      el('p', { class: 'big' }, isOf ? t('verdict_as_of', { time, words }) : words),
      all.length
        ? el(
            'ul',
            {},
            all.map((sentence) => el('li', {}, sentence)),
          )
        : '',
    );
  }
}

// What /v1/status tells that is not well.
export function ofStatus({ report, parked, newest_parked: newest }, device) {
  if (!device.first_ts) return [t('well_nothing_yet')];
  if (!report) return [t('well_no_report')];
  const silentS = sinceS(report.received_at);
  const set = newest.filter((row) => sinceS(row.received_at) < LATELY_DAYS * 86400).length;
  const oldestS = report.oldest_unsent_ts ? sinceS(report.oldest_unsent_ts) : 0;
  return [
    silentS > EDGE_SILENT_S && t('well_edge_silent', { ago: duration(silentS) }),
    report.clock && report.clock !== 'synchronised' && t('well_clock', { state: report.clock }),
    report.waiting > 0 && oldestS > WAITING_S && t('well_waiting', { n: report.waiting }),
    set > 0 && t('well_parked', { n: Math.min(parked, Math.max(set, 1)) }),
  ];
}

// days: as /v1/completeness has them.
export function ofDays(days) {
  const lost = days.slice(-LOST_DAYS).reduce((sum, day) => sum + Math.max(day.lost, 0), 0);
  return [lost > 0 && t('well_lost', { n: lost })];
}

// The newest reading, where it is late while the box at home speaks.
export const ofReading = (reading, isLate) => [
  reading && isLate && t('well_late', { ago: duration(Math.max(reading.age_s, 0)) }),
];
