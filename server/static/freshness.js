// How fresh the newest reading is, in words and colour; and where it waits if it is not.

import { isRefused, serverNow } from './api.js';
import { el, say } from './dom.js';
import { t } from './language.js';
import { duration, momentOfAge } from './words.js';

const AMBER_S = 120;
const EDGE_SPEAKS_S = 180; // the edge reports once a minute
// Running states of a fault or a warning, which a dongle may tell without any bit of the fault registers.
const FAULT_STATES = [0x5500, 0x0100, 0x9100, 0x2500, 0x1700];

// reading: the newest one or null; ageS: how old it is by now; late: it should have been followed by another; error:
// why asking failed; status: what /v1/status says, or null; none: what it is called to have no reading. `brief` is
// for a phone, while all is well.
function freshness({ reading, ageS, late, error, status, none = t('no_reading_yet') }, zone) {
  if (!reading) {
    if (!error) return { colour: 'red', state: 'none', words: none };
    const words = isRefused(error) ? sentence(error) : t('trying_again', { what: sentence(error) });
    return { colour: 'red', state: 'unreachable', words };
  }
  const ago = duration(Math.max(ageS, 0));
  const brief = t('ago', { ago });
  const at = t('last_reading', { time: moment(reading, ageS, zone) });
  if (error) {
    const words = isRefused(error) ? `${sentence(error)}; ${at}` : at; // why is said by the line below, once
    return { colour: 'red', state: 'unreachable', words, brief };
  }
  if (!late) return { colour: 'green', state: 'live', words: at, brief };
  const colour = ageS <= AMBER_S ? 'amber' : 'red';
  const since = ageS > 90 ? t('last_reading_ago', { time: moment(reading, ageS, zone), ago }) : at;
  const whom = waitingFor(status);
  return { colour, state: whom, words: t('waiting_for', { what: since, whom: t(`for_${whom}`) }), brief };
}

export const hasFault = ({ faults, running_state: state }) =>
  /=[0-9A-F]/.test(faults ?? '') || FAULT_STATES.includes(state);

// A reading is late after three of its intervals.
export const lateAfterS = ({ interval_s: interval }) => Math.max(15, 3 * interval);

function waitingFor(status) {
  const report = status?.report;
  if (!report) return 'readings';
  const heardS = (serverNow() - Date.parse(report.received_at)) / 1000;
  if (heardS > EDGE_SPEAKS_S) return 'edge';
  return report.waiting > 0 ? 'edge_to_catch_up' : 'dongle';
}

const moment = (reading, ageS, zone) => momentOfAge(Date.parse(reading.ts), ageS, zone);

// Whether this is what the line of AwayLine tells.
export const isAway = (error) => Boolean(error) && error.status !== 401 && !isRefused(error);

export const sentence = (error) =>
  error.status === 0 ? t('cannot_reach_sentence') : t('server_says', { what: error.message });

export class FreshnessLine {
  #element = document.getElementById('freshness');
  #announcer = document.getElementById('announcer');
  #words = el('bdi', { class: 'words' });
  #brief = el('bdi', { class: 'brief', 'aria-hidden': 'true' });
  #fault = el('a', { class: 'fault', hidden: true });
  #state = null;

  constructor() {
    this.#element.append(this.#fault, el('span', { class: 'dot' }), this.#words, this.#brief);
  }

  show(facts, zone, extra = '') {
    const { colour, state, words, brief } = freshness(facts, zone);
    this.#element.hidden = false;
    this.#element.dataset.colour = colour;
    say(this.#words, extra ? `${words} · ${extra}` : words);
    say(this.#brief, brief ?? '');
    // Spoken only when something has changed, not with each reading.
    if (this.#state !== null && this.#state !== state && !isAway(facts.error))
      say(this.#announcer, state === 'live' ? t('live_again') : words);
    this.#state = state;
  }

  // words: of a fault that is open, or nothing; href: where more is said of it.
  showFault(words, href) {
    if (words && words !== this.#fault.textContent) say(this.#announcer, words);
    say(this.#fault, words);
    this.#fault.href = href;
    this.#fault.hidden = !words;
    if (words) this.#element.dataset.fault = 'yes';
    else delete this.#element.dataset.fault;
  }

  hide() {
    this.#element.hidden = true;
    this.#state = null;
  }
}

// Says once, in every view, that the server does not answer, and of when what is shown here is. What else would say so
// is out of sight meanwhile, by the style sheet.
export class AwayLine {
  #element = document.getElementById('away');

  // error: why, or null; ms: of when what is shown is, or null.
  show(error, ms, zone) {
    const time = ms && momentOfAge(ms, (serverNow() - ms) / 1000, zone);
    const what = error && sentence(error);
    const words = what ? (time ? t('away_as_of', { what, time }) : t('may_be_old', { what })) : '';
    if (words === this.#element.textContent) return;
    this.#element.hidden = !words; // seen first, so that what it says then is spoken
    say(this.#element, words);
    document.body.classList.toggle('is-away', Boolean(words));
  }
}
