// Whether the data are whole: the calendar of completeness, gaps with causes, what waits or is parked, and how
// edge, dongle and server are.

import { ask, load, serverNow } from './api.js';
import { Calendar } from './calendar.js';
import { el } from './dom.js';
import { gapItems } from './gap_list.js';
import { Loading } from './loading.js';
import { hasGridMeter, meterWords } from './meter.js';
import { plainTable } from './table.js';
import { NONE, count, dayAndTime, duration, power } from './words.js';
import { addDays, dateOf, inMs } from './zone.js';

const NO_METER = 'no: use, import and export are not measured';
const WEEKS = 53;
const RECENT_DAYS = 8; // those whose readings may still arrive
const GAP_DAYS = 30;
const MOST_GAPS = 50;
const MINUTE = 60e3;

// The view; a house with a P1 meter has cards of that, too.
export async function systemView(context) {
  const p1 = context.p1 && new (await load(() => import('./p1_system.js'))).P1Cards(context);
  return new SystemView(context, p1);
}

class SystemView {
  title = 'System';
  #context;
  #p1;
  #loading;
  #calendar;
  #days = [];
  #edge = facts();
  #device = facts();
  #server = facts();
  #parked = el('div', {}, waiting());
  #gaps = el('div', {}, waiting());

  // p1: the cards of a house with a P1 meter, or null.
  constructor(context, p1) {
    this.#context = context;
    this.#p1 = p1;
    this.#loading = new Loading(context, {
      status: () => this.#loadStatus(),
      server: () => this.#loadServer(),
      gaps: () => this.#loadGaps(),
      calendar: () => this.#loadCalendar(),
      ...p1?.parts,
    });
    this.#calendar = new Calendar((date) => context.go(context.link({ view: 'day', date })));
    this.element = el(
      'div',
      {},
      el('h1', { tabindex: -1 }, 'System'),
      this.#loading.element,
      this.#meterNote(),
      card('Completeness', 'complete', this.#calendar.element),
      el(
        'div',
        { class: 'cards' },
        card('Edge and dongle', 'edge', this.#edge),
        card('Inverter', 'device', this.#device),
        card('Server', 'server', this.#server),
      ),
      p1 && p1.element,
      card(`Gaps of the last ${GAP_DAYS} days`, 'gaps', this.#gaps),
      card('Parked readings', 'parked', this.#parked),
    );
    this.#showDevice();
  }

  get jobs() {
    return this.#loading.jobs({ status: MINUTE, gaps: 5 * MINUTE, calendar: 15 * MINUTE, ...this.#p1?.jobs });
  }

  load() {
    return this.#loading.all();
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
  }

  async #loadStatus() {
    const status = await this.#context.ask('/v1/status');
    const { zone } = this.#context;
    const { report, last_24_h: polls } = status;
    const at = (text) => (text ? dayAndTime(Date.parse(text), zone) : NONE);
    const ago = (text) => duration((serverNow() - Date.parse(text)) / 1000);
    list(
      this.#edge,
      report
        ? [
            ['Last report', `${ago(report.received_at)} ago`],
            [
              'Clock',
              report.clock === 'synchronised'
                ? 'synchronised'
                : `${report.clock ?? 'not known'}: readings may be held back`,
            ],
            ['Waiting at the edge', waitingWords(report, ago)],
            ['Parked at the edge', count(report.parked)],
            ['Polls in 24 h', `${count(polls.polled)}\u00a0· ${count(polls.failed)} failed`],
            ['Why polls failed', reasons(polls.failed_reasons)],
            ['Wear of the SD card', 'not measured'],
          ]
        : [['Reports', 'this edge has not reported on itself yet']],
    );
    this.#parked.replaceChildren(
      status.parked
        ? el(
            'div',
            {},
            el('p', {}, `${count(status.parked)} readings could not be stored as samples; the newest:`),
            plainTable(
              'Newest parked readings',
              ['Read', 'Received', 'Reason'],
              status.newest_parked.map((row) => [at(row.ts), at(row.received_at), row.reason]),
            ),
          )
        : el('p', { class: 'quiet' }, 'None: every reading that arrived is stored as a sample.'),
    );
  }

  async #loadServer() {
    const health = await ask('/health');
    list(this.#server, [
      ['Version', health.version],
      ['Version of this page', document.body.dataset.version],
      ['Database', health.database],
      ['Cache', health.cache],
      ['Last backup', 'not recorded'],
      ['Last verified restore', 'not recorded'],
    ]);
  }

  async #loadGaps() {
    const { today, zone } = this.#context;
    const { gaps } = await this.#context.ask('/v1/gaps', {
      from: addDays(today(), 1 - GAP_DAYS),
      to: addDays(today(), 1),
    });
    const newest = gaps.slice(-MOST_GAPS).reverse();
    this.#gaps.replaceChildren(
      gaps.length
        ? gapItems(newest.map(inMs), zone)
        : el('p', { class: 'quiet' }, `None in the last ${GAP_DAYS} days.`),
    );
    if (gaps.length > MOST_GAPS)
      this.#gaps.append(el('p', { class: 'quiet' }, `The newest ${MOST_GAPS} of ${count(gaps.length)}.`));
  }

  #meterNote() {
    return hasGridMeter(this.#context.device) === false
      ? el('p', { class: 'hint' }, meterWords('none', false))
      : null;
  }

  #showDevice() {
    const { device, timezone } = { device: this.#context.device, timezone: this.#context.device.timezone };
    const yes = (value) => (value === null ? NONE : value ? 'yes' : 'no');
    list(this.#device, [
      ['Device', device.device_id],
      ['Model', device.model ?? NONE],
      ['Serial number', device.serial ?? NONE],
      ['Nominal power', power(device.nominal_power_w)],
      ['Firmware', device.firmware ?? NONE],
      [
        this.#p1 ? 'Its own grid meter' : 'Grid meter',
        hasGridMeter(device) === false ? NO_METER : yes(device.has_meter),
      ],
      ['Battery', yes(device.has_battery)],
      ['Version of the edge', device.edge_version ?? NONE],
      ['Time zone', timezone],
    ]);
  }
}

const waiting = () => el('p', { class: 'quiet' }, 'Loading…');
const facts = () => el('dl', { class: 'facts' }, el('div', {}, el('dt', {}, 'Loading…'), el('dd', {}, '')));

function card(title, id, content) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), content);
}

function list(node, rows) {
  node.replaceChildren(
    ...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}

function waitingWords({ waiting: depth, oldest_unsent_ts: oldest }, ago) {
  if (depth === null) return NONE;
  if (!depth) return 'nothing';
  return `${count(depth)} readings${oldest ? `, the oldest ${ago(oldest)} old` : ''}`;
}

function reasons(counts) {
  const parts = Object.entries(counts).map(
    ([reason, times]) => `${reason.replaceAll('_', ' ')} ${count(times)}`,
  );
  return parts.join(', ') || 'none failed';
}
