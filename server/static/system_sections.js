// What System has beyond what every house has, registered here and nowhere else.

import { load } from './api.js';

// needs(device): whether the house has what it is about; make(here): what has an `element`, `parts` to load (name to
// function), how often in `jobs` (name to ms), `places` that show how a part is (name to nodes), if it likes, and, where
// it is to come before all else, `isFirst`. Where a section has something to say in the first line, it has `speaks`: its
// name there, and is given `tell(sentences)`, none where all is well, before its parts are loaded. `stale` names the
// parts to load again after a reading.
const SECTIONS = [
  {
    make: async (here) => new (await load(() => import('./alert_section.js'))).AlertSection(here),
  },
  {
    needs: ({ p1_first_ts: p1 }) => Boolean(p1),
    make: async (here) => new (await load(() => import('./p1_system.js'))).P1Cards(here),
  },
  {
    make: async (here) => new (await load(() => import('./fault_section.js'))).FaultSection(here),
  },
];

export const sectionsOf = (here) =>
  Promise.all(SECTIONS.filter(({ needs }) => needs?.(here.device) ?? true).map(({ make }) => make(here)));
