// Whether the data are whole: first in one line, then the calendar of completeness, gaps with causes, what waits or is
// set aside, and how box, Wi-Fi stick and server are.

import { ask, serverNow } from './api.js';
import { Calendar } from './calendar.js';
import { el, say } from './dom.js';
import { isAway } from './freshness.js';
import { GapList } from './gap_list.js';
import { named, t } from './language.js';
import { Loading } from './loading.js';
import { hasGridMeter, meterWords } from './meter.js';
import { offlineState } from './offline.js';
import { sectionsOf } from './system_sections.js';
import { plainTable } from './table.js';
import { Well, ofDays, ofReading, ofStatus } from './well.js';
import { NONE, count, dayAndTime, deviceName, duration, momentOfAge, power } from './words.js';
import { addDays, dateOf, inMs } from './zone.js';

const WEEKS = 53;
const RECENT_DAYS = 8; // those whose readings may still arrive
const GAP_DAYS = 30;
const MINUTE = 60e3;

export const systemView = async (context) => new SystemView(context, await sectionsOf(context));

class SystemView {
  title = t('system');
  #context;
  #sections;
  #loading;
  #calendar;
  #well;
  #days = [];
  #edge = facts(6);
  #device = facts();
  #server = facts(5);
  #parked = el('div', {}, waiting());
  #gaps = el('div', {}, waiting());
  #gapList = new GapList();

  // sections: as system_sections.js has them.
  constructor(context, sections) {
    this.#context = context;
    this.#sections = sections;
    const speakers = sections.filter(({ speaks }) => speaks);
    this.#well = new Well(['status', 'server', 'calendar', ...speakers.map(({ speaks }) => speaks)]);
    for (const one of speakers) one.tell = (sentences) => this.#well.say(one.speaks, sentences);
    const elements = (isFirst) => sections.filter((one) => Boolean(one.isFirst) === isFirst).map(({ element }) => element);
    this.#calendar = new Calendar((date) => context.go(context.link({ view: 'day', date })));
    const parts = {
      status: () => this.#loadStatus(),
      server: () => this.#loadServer(),
      gaps: () => this.#loadGaps(),
      calendar: () => this.#loadCalendar(),
      ...Object.assign({}, ...sections.map(({ parts: its }) => its)),
    };
    this.#loading = new Loading(context, parts, {
      status: [this.#edge, this.#parked],
      server: this.#server,
      gaps: this.#gaps,
      ...Object.assign({}, ...sections.map(({ places }) => places)),
      calendar: this.#calendar.element,
    });
    this.element = el(
      'div',
      {},
      el('h1', { tabindex: -1 }, t('system')),
      this.#loading.element,
      this.#well.element,
      this.#meterNote(),
      elements(true),
      card(t('complete'), 'complete', this.#calendar.element),
      el(
        'div',
        { class: 'cards' },
        card(t('edge'), 'edge', this.#edge),
        card(t('inverter'), 'device', this.#device),
        card(t('server'), 'server', this.#server),
      ),
      elements(false),
      card(t('gaps_of_days', { n: GAP_DAYS }), 'gaps', this.#gaps),
      card(t('parked'), 'parked', this.#parked),
    );
    this.#showDevice();
  }

  get jobs() {
    const often = { status: MINUTE, gaps: 5 * MINUTE, calendar: 15 * MINUTE };
    return this.#loading.jobs(Object.assign(often, ...this.#sections.map(({ jobs }) => jobs)));
  }

  load() {
    return this.#loading.all();
  }

  // Each new reading, or the same again.
  reading(reading, isLate, error) {
    const isUnknown = isAway(error);
    const time = reading && isUnknown && momentOfAge(Date.parse(reading.ts), reading.age_s, this.#context.zone);
    this.#well.asOf(time || null);
    if (!isUnknown) this.#well.say('reading', ofReading(reading, isLate));
    for (const { stale = [] } of this.#sections) for (const part of stale) this.#loading.part(part);
  }

  // A whole year costs the database some work: it is asked for once, and then the days at its end.
  async #loadCalendar() {
    const { today, device, zone } = this.#context;
    const firstDate = device.first_ts && dateOf(Date.parse(device.first_ts), zone);
    const earliest = addDays(today(), 1 - WEEKS * 7 + 6);
    const known = this.#days.length ? addDays(today(), -RECENT_DAYS) : earliest;
    const from = [earliest, known, firstDate ?? today()].sort().pop();
    const { days } = firstDate
      ? await this.#context.ask('/v1/completeness', { from, to: today() })
      : { days: [] };
    this.#days = [...this.#days.filter((day) => day.date < from), ...days];
    this.#calendar.show(this.#days, WEEKS);
    this.#well.say('calendar', ofDays(this.#days));
  }

  async #loadStatus() {
    const status = await this.#context.ask('/v1/status');
    const { zone } = this.#context;
    const { report, last_24_h: polls } = status;
    const at = (text) => (text ? dayAndTime(Date.parse(text), zone) : NONE);
    list(this.#edge, report ? reportRows(report, polls) : [[t('reports'), t('no_reports')]]);
    this.#parked.replaceChildren(
      status.parked
        ? el(
            'div',
            {},
            el('p', {}, t('parked_count', { n: status.parked })),
            plainTable(
              t('parked_newest'),
              [t('read_at'), t('received_at'), t('reason')],
              status.newest_parked.map((row) => [at(row.ts), at(row.received_at), el('bdi', {}, row.reason)]),
            ),
          )
        : quiet(this.#isNew ? t('calendar_empty') : t('parked_none')),
    );
    this.#well.say('status', ofStatus(status, this.#context.device));
  }

  async #loadServer() {
    const health = await ask('/health');
    const offline = el('bdi', {}, t('offline_not_yet'));
    list(this.#server, [
      [t('version'), health.version],
      [t('page_version'), document.body.dataset.version],
      [t('database'), named('service', health.database)],
      [t('cache'), named('service', health.cache)],
      [t('offline_use'), offline],
    ]);
    offlineState.then(({ isReady, why }) =>
      say(offline, isReady ? t('offline_ready') : t('offline_no', { why })),
    );
    this.#well.say('server', [
      health.database !== 'ok' && t('well_database', { state: named('service', health.database) }),
    ]);
  }

  async #loadGaps() {
    const { today, zone } = this.#context;
    const { gaps } = await this.#context.ask('/v1/gaps', {
      from: addDays(today(), 1 - GAP_DAYS),
      to: addDays(today(), 1),
    });
    if (!gaps.length) {
      this.#gaps.replaceChildren(quiet(this.#isNew ? t('calendar_empty') : t('no_gaps', { n: GAP_DAYS })));
      return;
    }
    this.#gapList.show([...gaps].reverse().map(inMs), zone);
    if (!this.#gapList.element.parentNode) this.#gaps.replaceChildren(this.#gapList.element);
  }

  // Of a house that has sent nothing, nothing can be called whole.
  get #isNew() {
    return !this.#context.device.first_ts;
  }

  #meterNote() {
    return hasGridMeter(this.#context.device) === false
      ? el('p', { class: 'hint' }, meterWords('none', false))
      : null;
  }

  #showDevice() {
    const { device } = this.#context;
    const yes = (value) => (value === null ? null : t(value ? 'yes' : 'no'));
    const rows = [
      [t('device'), deviceName(device)],
      [t('device_id'), device.name && device.device_id],
      [t('model'), device.model],
      [t('serial'), device.serial],
      [t('nominal_power'), device.nominal_power_w && power(device.nominal_power_w)],
      [t('firmware'), device.firmware],
      [
        t(device.p1_first_ts ? 'own_meter' : 'grid_meter'),
        hasGridMeter(device) === false ? t('no_grid_meter') : yes(device.has_meter),
      ],
      [t('battery'), yes(device.has_battery)],
      [t('edge_version'), device.edge_version],
      [t('time_zone'), device.timezone],
    ];
    // What nobody knows has no row.
    list(
      this.#device,
      rows.filter(([, value]) => value),
    );
  }
}

const quiet = (words) => el('p', { class: 'quiet' }, words);
const waiting = () => quiet(t('loading'));

// As many lines as there will be, so that nothing moves.
function facts(lines = 1) {
  const line = (_, n) => el('div', {}, el('dt', {}, n ? NONE : t('loading')), el('dd', {}, ''));
  return el('dl', { class: 'facts' }, Array.from({ length: lines }, line));
}

function card(title, id, content) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), content);
}

function list(node, rows) {
  node.replaceChildren(
    ...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, el('bdi', {}, value)))),
  );
}

function reportRows(report, polls) {
  const ago = (text) => duration((serverNow() - Date.parse(text)) / 1000);
  const isRight = report.clock === 'synchronised';
  return [
    [t('last_report'), t('ago', { ago: ago(report.received_at) })],
    [t('clock'), isRight ? t('clock_right') : t('clock_wrong', { state: report.clock ?? t('not_known') })],
    [t('waiting_here'), waitingWords(report, ago)],
    [t('parked_here'), count(report.parked)],
    [t('polls'), t('polls_failed', { polled: count(polls.polled), failed: count(polls.failed) })],
    [t('why_failed'), reasons(polls.failed_reasons)],
  ];
}

function waitingWords({ waiting: depth, oldest_unsent_ts: oldest }, ago) {
  if (depth === null) return NONE;
  if (!depth) return t('nothing');
  return oldest ? t('readings_oldest', { n: depth, ago: ago(oldest) }) : t('readings', { n: depth });
}

// By how often; what is called the same is counted together.
export function reasons(counts) {
  const found = new Map();
  for (const [reason, times] of Object.entries(counts)) {
    const words = pollWords(reason);
    found.set(words, (found.get(words) ?? 0) + times);
  }
  const parts = [...found].sort((a, b) => b[1] - a[1]).map(([words, times]) => `${count(times)}\u00a0×\u00a0${words}`);
  return parts.join(', ') || t('none_failed');
}

function pollWords(reason) {
  const words = named('poll', reason);
  const number = /^exception_(\d+)$/.exec(reason)?.[1];
  return number && words === reason.replace('_', ' ') ? t('poll_exception', { n: number }) : words;
}
