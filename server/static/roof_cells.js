// The answers of /v1/shade as the sun-path chart draws them: cells of the sky, how well the string does with the sun in
// each, and where the sun comes without ever having been seen. Pure functions.

import { across, cellsOfYear } from './roof_sun.js';

export const WIDE_DEG = 5;
export const HIGH_DEG = 2.5;
const LEAST_DEG = 3; // below, nothing is judged
// From the darkest up: less than so much of what a clear sky gives.
const EDGES = [0.25, 0.5, 0.75, 0.9];
const CHANGES = [-0.15, -0.05, 0.05, 0.15];
export const LEVELS = ['level-0', 'level-1', 'level-2', 'level-3', 'level-4'];
export const STEPS = ['change-0', 'change-1', 'change-2', 'change-3', 'change-4'];

const low = (value, step) => Math.floor(value / step + 1e-9) * step;
const keyOf = (azimuth, elevation) => `${low(azimuth, WIDE_DEG)} ${low(elevation, HIGH_DEG)}`;
const isJudged = (bin) => typeof bin?.performance === 'number' && bin.state !== 'too_few';

export const levelOf = (performance) => LEVELS[EDGES.filter((edge) => performance >= edge).length];
export const changeOf = (difference) => STEPS[CHANGES.filter((edge) => difference > edge).length];

const reached = new Map(); // by place
function skyOf(place, year) {
  const name = `${place.latitude} ${place.longitude}`;
  // A low edge below the least is a cell that is cut by it.
  if (!reached.has(name)) reached.set(name, cellsOfYear(year, place, keyOf, LEAST_DEG));
  return reached.get(name);
}

const cellOf = (azimuth, elevation, place) => ({
  azimuth,
  elevation,
  x: across(azimuth + WIDE_DEG / 2, place.latitude) - WIDE_DEG / 2,
  kind: 'never',
});

// The order of a reader: row by row from below, from the morning on.
const inOrder = (cells) => cells.sort((a, b) => a.elevation - b.elevation || a.x - b.x);

// answer: of /v1/shade. Return [{azimuth, elevation, x, kind, performance, contrast, n, days, seen}], x: across.
export function cellsOf({ bins }, place, year) {
  const known = new Map(bins.map((bin) => [keyOf(bin.azimuth_deg, bin.elevation_deg), bin]));
  const keys = new Set([...skyOf(place, year), ...known.keys()]);
  return inOrder(
    [...keys].map((key) => {
      const [azimuth, elevation] = key.split(' ').map(Number);
      const bin = known.get(key);
      const cell = cellOf(azimuth, elevation, place);
      if (!bin) return cell;
      const { performance = null, contrast = null, n, days, last_seen: seen, state } = bin;
      const kind = isJudged(bin) ? levelOf(performance) : 'few';
      return { ...cell, kind, performance, contrast, n, days, seen, state };
    }),
  );
}

// What became different since a year ago, only where both are judged: as cellsOf, with `change`, and `old`.
export function changesOf(now, before, place) {
  const then = new Map(before.bins.map((bin) => [keyOf(bin.azimuth_deg, bin.elevation_deg), bin]));
  return inOrder(
    now.bins.filter(isJudged).flatMap((bin) => {
      const old = then.get(keyOf(bin.azimuth_deg, bin.elevation_deg));
      if (!isJudged(old)) return [];
      const change = bin.performance - old.performance;
      const { performance, n, days, last_seen: seen } = bin;
      const cell = cellOf(bin.azimuth_deg, bin.elevation_deg, place);
      return [{ ...cell, kind: changeOf(change), change, old: old.performance, performance, n, days, seen }];
    }),
  );
}

// The cell beside, as an arrow leads to it; itself where there is none.
export function beside(cells, index, key) {
  const sides = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (!sides[key] || !cells[index]) return undefined;
  const [dx, dy] = sides[key];
  const { x, elevation } = cells[index];
  const near = cells
    .map((cell, n) => [n, (cell.x - x) / WIDE_DEG, (cell.elevation - elevation) / HIGH_DEG])
    .filter(([, right, up]) => (dx ? right * dx > 0.5 && Math.abs(up) < 0.5 : up * dy > 0.5))
    .sort(([, a, b], [, c, d]) => Math.abs(a) + Math.abs(b) * 9 - Math.abs(c) - Math.abs(d) * 9);
  return near.length ? near[0][0] : index;
}

// One of eight: 'n', 'ne', 'e', ...
export const directionOf = (azimuth) => ['n', 'ne', 'e', 'se', 's', 'sw', 'w', 'nw'][Math.round((azimuth % 360) / 45) % 8];
