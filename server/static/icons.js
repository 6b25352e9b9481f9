// The signs of the tabs: lines on 24 by 24.

import { svg } from './dom.js';

const PATHS = {
  now: 'M13 3L5 14h6l-1 7 8-11h-6z',
  history: 'M4 20V10M9 20V4M14 20v-7M19 20V8',
  battery: 'M7 6h10v15H7zM10 3h4v3h-4zM10 16h4M10 12h4',
  roof: 'M3 12L12 5l9 7M6 10v10h12V10M9 14h6M9 17h6',
  money: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M15 9a3.5 3.5 0 1 0 0 6M7 11h5M7 13.5h5',
  system: 'M3 12h4l2-6 4 12 2-6h6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v5M16 3v5',
  expand: 'M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v6M12 7.5h.01',
};

export function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true' }, line(name));
}

const line = (name) => svg('path', { d: PATHS[name] ?? '' });
