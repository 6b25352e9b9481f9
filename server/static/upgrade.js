// A page that is left open while the server is upgraded loads again: at the next change of view, after a minute
// of being hidden, or where nobody touches it, as on a wall. Once for each version: two processes of the server may
// be of different ones for a moment.

import { newerVersion } from './api.js';
import { note, noted } from './remember.js';

const HIDDEN_MS = 60e3;
let timer = null;

// Whether the page should load again.
export const isOutdated = () => newerVersion() !== null && noted('version') !== newerVersion();

export function loadAgain(href = location.href) {
  note('version', newerVersion() ?? '');
  if (href === location.href) location.reload();
  else location.assign(href);
}

// On each change of visibility; on a wall it is never hidden, and nobody is disturbed.
export function watch(isKiosk) {
  clearTimeout(timer);
  if (!document.hidden && !isKiosk) return;
  timer = setTimeout(() => {
    if (isOutdated()) loadAgain();
    else watch(isKiosk);
  }, HIDDEN_MS);
}
