// What is said of a day on which clocks are set. Other days do not load this.

import { duration } from './words.js';

const DAY_MS = 86400e3;

export function clockWords(lengthMs) {
  const long = duration(lengthMs / 1000);
  return lengthMs > DAY_MS
    ? `Clocks are set back on this day: it is ${long} long. Times that they show twice are told apart by their offset from UTC.`
    : `Clocks are set forward on this day: it is ${long} long.`;
}
