// What is said of a day on which clocks are set. Other days do not load this.

import { t } from './language.js';
import { duration } from './words.js';

const DAY_MS = 86400e3;

export function clockWords(lengthMs) {
  const long = duration(lengthMs / 1000);
  return t(lengthMs > DAY_MS ? 'clocks_back' : 'clocks_forward', { long });
}
