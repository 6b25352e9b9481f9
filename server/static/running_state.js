// What the inverter says it does: register 13000, in words.

import { t } from './language.js';

const STATES = {
  0x0000: 'running',
  0x0040: 'running',
  0x0014: 'generator',
  0x0041: 'off_grid_low',
  0x0400: 'maintenance',
  0x0800: 'forced',
  0x1000: 'off_grid',
  0x1111: 'not_initialised',
  0x2501: 'restarting',
  0x4000: 'external',
  0x4001: 'emergency_charge',
  0x8000: 'stopped',
  0x0001: 'stopped',
  0x1300: 'stopped_by_command',
  0x0002: 'stopped_by_command',
  0x1500: 'emergency_stop',
  0x0004: 'emergency_stop',
  0x1400: 'standby',
  0x0008: 'standby',
  0x1200: 'standby_start',
  0x0010: 'standby_start',
  0x1600: 'starting',
  0x0020: 'starting',
  0x8100: 'derating',
  0x8200: 'dispatched',
  0x5500: 'fault',
  0x0100: 'fault',
};

// How it shows on the line of a day: 'on', 'limited', 'off' or 'fault'.
const KINDS = {
  running: 'on',
  generator: 'on',
  off_grid_low: 'limited',
  maintenance: 'limited',
  forced: 'limited',
  off_grid: 'limited',
  external: 'limited',
  emergency_charge: 'limited',
  derating: 'limited',
  dispatched: 'limited',
  fault: 'fault',
  emergency_stop: 'fault',
};

export const stateKind = (state) => (STATES[state] ? (KINDS[STATES[state]] ?? 'off') : 'limited');

// One that this page does not know is shown as its number.
export function stateWords(state) {
  if (typeof state !== 'number') return null;
  const name = STATES[state];
  return name ? t(`state_${name}`) : `0x${state.toString(16).padStart(4, '0')}`;
}
