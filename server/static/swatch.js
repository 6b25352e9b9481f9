// What tells colours apart without colours, too: a texture on those that are alike to some eyes. Legends show the same,
// drawn, so that it is there on paper and in forced colours.

import { svg } from './dom.js';

// On a tile of 6 by 6; in charts texture.js draws the same.
const TEXTURES = {
  import: 'M0 3H6',
  export: 'M3 0V6',
  charge: 'M1.5 1.5h0M4.5 4.5h0',
  discharge: 'M3 1V5M1 3H5',
  'string-2': 'M0 3H6',
  'string-3': 'M1.5 1.5h0M4.5 4.5h0',
  'string-4': 'M3 0V6',
};

// Signs of single events, on 12 by 12.
const GLYPHS = {
  dot: 'M2 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z',
  small: 'M3.5 6a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0Z',
  up: 'M6 1.2L11 10.3H1Z',
  down: 'M6 10.8L1 1.7H11Z',
};
export const glyph = (shape) => GLYPHS[shape];

export const hasTexture = (colour) => colour in TEXTURES;

// A sign for legends: a box, which may have a `mark` on 8 by 8, a line, dashes or the sign of an event; further words of `shape` are classes.
export function swatch(colour, shape = 'box', mark = null) {
  const [kind, ...more] = shape.split(' ');
  if (kind === 'line' || kind === 'dashes') {
    const line = svg('path', { d: 'M0 6H18', class: `curve line-${colour}` });
    return svg('svg', { viewBox: '0 0 18 12', width: 18, height: 12, class: 'swatch', 'aria-hidden': 'true' }, line);
  }
  const attributes = { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' };
  if (kind in GLYPHS)
    return svg('svg', { ...attributes, class: 'swatch' }, svg('path', { d: GLYPHS[kind], class: `fill-${colour} edge` }));
  const tiles = hasTexture(colour) ? ['0 0', '6 0', '0 6', '6 6'] : [];
  return svg(
    'svg',
    { ...attributes, class: ['swatch', ...more].join(' ') },
    svg('rect', { x: 0.5, y: 0.5, width: 11, height: 11, rx: 2, class: `fill-${colour} edge` }),
    colour === 'hatch' ? svg('path', { d: 'M-1 5L5 -1M-1 11L11 -1M2 13L13 2M8 13L13 8', class: 'hatch-stroke' }) : null,
    tiles.map((at) => svg('path', { d: TEXTURES[colour], transform: `translate(${at})`, class: 'texture' })),
    mark && svg('path', { d: mark, transform: 'translate(2 2)', class: 'mark' }),
  );
}
