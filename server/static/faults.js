// The inverter's faults in words: of a reading for the line at the top, of the last weeks as a table. Loaded, with its
// texts in one language, where a fault is shown and nowhere else.

import { load } from './api.js';
import { el } from './dom.js';
import { plainTable } from './table.js';
import { count, dayAndTime, duration } from './words.js';

// Of each register, what code bit 0 and bit 16 have in the app; the gravest first, alarms last.
const CODES = {
  13060: [401, 417],
  13064: [800, 816],
  13054: [300, 316],
  13056: [36, 52],
  13058: [19, 200],
  13062: [600, 616],
  13066: [700, 716],
  13072: [732, 748],
  13074: [832, 848],
  13076: [864, 880],
  13052: [2, 100],
  13050: [70, 500],
  13068: [900, 916],
  13070: [932, 948],
  13078: [964, 980],
};
const GRAVEST_FIRST = [13060, 13064, 13054, 13056, 13058, 13062, 13066, 13072, 13074, 13076, 13052];
const ALARMS = [13050, 13068, 13070, 13078];
const RUNS_WITH_A_WARNING = 0x9100;
const OLDER = { 0x0100: 0x5500 }; // former numbers of states

const language = () => document.documentElement.lang.split('-')[0];
const TEXTS_IN = './words.faults.';
const texts = () => load(() => import(TEXTS_IN + language() + '.js'));
const put = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);

// What is set in a reading: {word, bit, code}, or {word, bit: null, value} where only its state reports a fault.
export function faultsOf({ faults, running_state: state }) {
  const found = [];
  for (const [, number, hex] of (faults ?? '').matchAll(/(\d+)=([0-9A-F]+)/g)) {
    const [word, bits] = [Number(number), parseInt(hex, 16)];
    for (let bit = 0; bit < 32; bit++) {
      if (Math.floor(bits / 2 ** bit) % 2) found.push({ word, bit, value: null, code: codeOf(word, bit) });
    }
  }
  const rank = ({ word }) => [...GRAVEST_FIRST, ...ALARMS].indexOf(word);
  found.sort((one, other) => rank(one) - rank(other));
  return found.length ? found : [{ word: 13000, bit: null, value: OLDER[state] ?? state, code: null }];
}

function codeOf(word, bit) {
  const [low, high] = CODES[word] ?? [];
  if (low === undefined) return null;
  return bit < 16 ? low + bit : high + bit - 16;
}

// fault: as faultsOf or /v1/faults has it. Its own words are for a state, or for what the app has no code for.
export function describe(fault, { TEXTS, STATES, ADVICE, WORDS }) {
  const { word, bit, value, code } = fault;
  const [text, key] = (bit === null ? STATES[OLDER[value] ?? value] : TEXTS[code]) ?? [];
  if (text) return { text, advice: ADVICE[key] };
  const unknown = code === null ? put(WORDS.bit_unknown, { bit, word }) : put(WORDS.code_unknown, { code });
  return { text: unknown, advice: ADVICE.unknown };
}

const isAlarm = ({ word, value }) => ALARMS.includes(word) || value === RUNS_WITH_A_WARNING;

function named(fault, known) {
  const { text } = describe(fault, known);
  if (!known.TEXTS[fault.code]) return text;
  return put(isAlarm(fault) ? known.WORDS.warning : known.WORDS.fault, { code: fault.code, text });
}

// What the line at the top says of a reading with a fault.
export async function faultLine(reading) {
  const known = await texts();
  const found = faultsOf(reading);
  const first = named(found[0], known);
  return found.length > 1 ? put(known.WORDS.and_more, { first, n: found.length - 1 }) : first;
}

// faults: of /v1/faults. What is not over, each with what to do about it, as well.js takes it.
export async function openFaults(faults) {
  const known = await texts();
  const open = faults.filter(({ to_ts: to }) => to === null);
  return open.map((fault) => ({ words: `${named(fault, known)}. ${describe(fault, known).advice}.`, word: fault.word }));
}

// One line for each fault, the newest first; below its name, what to do.
export async function faultTable(faults, zone) {
  const known = await texts();
  const { WORDS } = known;
  const byFault = new Map();
  for (const fault of faults) {
    const key = [fault.word, fault.bit, fault.value].join();
    byFault.set(key, [...(byFault.get(key) ?? []), fault]);
  }
  const at = (text) => dayAndTime(Date.parse(text), zone);
  return plainTable(
    WORDS.caption,
    [WORDS.head_code, WORDS.head_fault, WORDS.head_first, WORDS.head_last, WORDS.head_times, WORDS.head_total],
    [...byFault.values()].map((times) => {
      const { text, advice } = describe(times[0], known);
      const isOpen = times.some(({ to_ts: to }) => to === null);
      const first = times.map(({ from_ts: from }) => from).sort()[0];
      const last = times.map(({ last_ts: one }) => one).sort().pop();
      return [
        codeText(times[0]),
        el('div', {}, el('b', {}, text), el('p', { class: 'quiet' }, advice)),
        at(first),
        isOpen ? WORDS.now : at(last),
        count(times.length),
        total(times, WORDS),
      ];
    }),
  );
}

const codeText = ({ code, value }) => (code === null ? hex(value) : String(code));
const hex = (value) => (value === null ? '–' : value.toString(16).padStart(4, '0'));

// A fault that one reading saw has no length.
function total(times, WORDS) {
  const seconds = times.reduce((sum, { from_ts: from, last_ts: last }) => sum + Date.parse(last) - Date.parse(from), 0) / 1000;
  const polls = times.reduce((sum, { polls: n }) => sum + n, 0);
  return seconds ? duration(seconds) : put(WORDS.readings, { n: count(polls) });
}
