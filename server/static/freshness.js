// How fresh the newest reading is, in words and colour; and where it waits if it is not.

import { say } from './dom.js';
import { clock, dayAndTime, duration } from './words.js';
import { isRefused, serverNow } from './api.js';

const AMBER_S = 120;
const EDGE_SPEAKS_S = 180; // the edge reports once a minute

// reading: the newest one or null; late: two answers in a row were late; error: why asking failed;
// status: what /v1/status says, or null; none: what it is called to have no reading.
function freshness({ reading, late, error, status, none = 'no reading yet' }, zone) {
  if (!reading) {
    return error
      ? {
          colour: 'red',
          state: 'unreachable',
          words: isRefused(error) ? sentence(error) : `${sentence(error)}; trying again`,
        }
      : { colour: 'red', state: 'none', words: none };
  }
  const at = `last reading ${moment(reading, zone)}`;
  if (error) return { colour: 'red', state: 'unreachable', words: `${sentence(error)}; ${at}` };
  if (!late) return { colour: 'green', state: 'live', words: at };
  const colour = reading.age_s <= AMBER_S ? 'amber' : 'red';
  const ago = reading.age_s > 90 ? ` (${duration(reading.age_s)} ago)` : '';
  const whom = waitingFor(status);
  return { colour, state: `waiting for ${whom}`, words: `${at}${ago}, waiting for ${whom}` };
}

// A reading is late after three of its intervals.
export const isLate = ({ age_s: age, interval_s: interval }) => age > Math.max(15, 3 * interval);

function waitingFor(status) {
  const report = status?.report;
  if (!report) return 'readings';
  const heardS = (serverNow() - Date.parse(report.received_at)) / 1000;
  if (heardS > EDGE_SPEAKS_S) return 'the edge';
  return report.waiting > 0 ? 'the edge to catch up' : 'the dongle';
}

function moment(reading, zone) {
  const ms = Date.parse(reading.ts);
  return reading.age_s > 20 * 3600 ? dayAndTime(ms, zone) : clock(ms, zone);
}

export const sentence = (error) =>
  error.status === 0 ? 'The server cannot be reached' : `The server says: ${error.message}`;

export class FreshnessLine {
  #element = document.getElementById('freshness');
  #announcer = document.getElementById('announcer');
  #state = null;

  show(facts, zone, extra = '') {
    const { colour, state, words } = freshness(facts, zone);
    this.#element.hidden = false;
    this.#element.dataset.colour = colour;
    say(this.#element.querySelector('.words'), extra ? `${words} · ${extra}` : words);
    // Spoken only when something has changed, not with each reading.
    if (this.#state !== null && this.#state !== state)
      say(this.#announcer, state === 'live' ? 'Readings are live again' : words);
    this.#state = state;
  }

  hide() {
    this.#element.hidden = true;
    this.#state = null;
  }
}
