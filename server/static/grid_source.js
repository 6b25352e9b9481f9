// Whose word the grid is, told where that is not the inverter's own meter: of a time, and of now.

import { el, say } from './dom.js';
import { GRID_BY, clock, power } from './words.js';

// A line for a house with a P1 meter; null for any other: such houses are as they were.
export const sourceLine = ({ p1_first_ts: p1 }) => (p1 ? el('p', { class: 'quiet source' }) : null);

// source: grid_source of a bucket, or of a sum of them.
export function saySource(line, source) {
  if (line) say(line, GRID_BY[source] ?? (source ? 'Grid: the inverter’s own meter' : ''));
}

// The same of the newest reading, with what the inverter's own meter says beside it.
export function sayNow(line, reading, { has_meter: hasOwn }, zone) {
  if (!line) return;
  const { grid_source: source, p1_ts: at, inverter_export_power_w: own } = reading ?? {};
  if (source !== 'p1') {
    const words = source ? 'Grid: the inverter’s own meter, as the P1 meter was not read just now' : '';
    say(line, words);
    return;
  }
  const words = `${GRID_BY.p1}, read ${clock(Date.parse(at), zone)}`;
  const isKnown = hasOwn !== false && own !== null && own !== undefined;
  say(line, isKnown ? `${words}. The inverter’s own meter: ${direction(own)}.` : words);
}

const direction = (watts) =>
  Math.abs(watts) < 5 ? 'idle' : `${watts > 0 ? 'exporting' : 'importing'} ${power(watts)}`;
