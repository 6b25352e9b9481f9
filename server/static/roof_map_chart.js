// The sky as one string sees it: azimuth across, elevation up, each cell in the colour of what the string gives with the
// sun there; over it the paths of the sun, its hours, and where it is now.

import { Chart } from './chart.js';
import { svg } from './dom.js';
import { t } from './language.js';
import { HIGH_DEG, LEVELS, STEPS, WIDE_DEG, beside, directionOf } from './roof_cells.js';
import { across, hoursOf, pathsOf, sunAt } from './roof_sun.js';
import { amount, count, longDay, when } from './words.js';
import { noon, offsetOf } from './zone.js';

const LEFT = 34;
const RIGHT = 8;
const TOP = 22;
const BOTTOM = 22;
const MARK_DEG = 30;
const NARROW_PX = 420;
const APART_PX = 13;
const DIRT = 0.85; // contrast, as server/roof/words.py has it: from here on all light is less, not the beam alone

// A moment by the clocks of winter: an hour that jumps twice a year would be no line.
export function winterOf(year, zone) {
  const [january, july] = [0, 6].map((month) => Date.UTC(year, month, 1));
  return offsetOf(january, zone) <= offsetOf(july, zone) ? january : july;
}

export class RoofMapChart extends Chart {
  #sky = null;
  #lines = null; // paths and hours of the place

  // name: of the string.
  constructor(name) {
    const level = (key, n) => ({ key, name: t(`roof_level_${n}`), colour: key });
    const change = (key, n) => ({ key, name: t(`roof_change_${n}`), colour: key });
    super({
      label: t('roof_map_of', { name }),
      items: [
        ...LEVELS.map(level).reverse(),
        ...STEPS.map(change),
        { key: 'few', name: t('roof_too_few'), colour: 'few' },
        { key: 'never', name: t('roof_never'), colour: 'hatch' },
      ],
      height: 320,
    });
    this.name = name;
  }

  // cells: of roof_cells.js; place: {latitude, longitude}; title: of it all; ms: now, of the server.
  show({ cells, place, zone, title, ms }) {
    const year = new Date(ms).getUTCFullYear();
    this.#lines ??= { paths: pathsOf(year, place), hours: hoursOf(year, place, offsetOf(winterOf(year, zone), zone)) };
    this.#sky = { cells, place, zone, title, ms };
    const used = new Set(cells.map(({ kind }) => kind));
    this.hide(this.items.map(({ key }) => key).filter((key) => !used.has(key)));
    this.renew(`${title} ${cells.length}`);
  }

  // The sun went on.
  at(ms) {
    if (!this.#sky) return;
    this.#sky.ms = ms;
    this.draw();
  }

  slots() {
    return this.#sky?.cells.length ?? 0;
  }

  start() {
    const { cells } = this.#sky ?? { cells: [] };
    return Math.max(0, cells.findIndex(({ x }) => x > -WIDE_DEG));
  }

  beside(slot, key) {
    return beside(this.#sky?.cells ?? [], slot, key);
  }

  slotAt(x, y) {
    const { cells } = this.#sky ?? { cells: [] };
    const { left, step, up } = this.#scale();
    const [right, high] = [(x - LEFT) / step + left, (this.height - BOTTOM - y) / up];
    const off = cells.map((cell) => Math.abs((cell.x + WIDE_DEG / 2 - right) / WIDE_DEG) + Math.abs((cell.elevation + HIGH_DEG / 2 - high) / HIGH_DEG));
    return off.indexOf(Math.min(...off));
  }

  slotX(slot) {
    const { x, elevation } = this.#sky.cells[slot];
    const { up, step } = this.#scale();
    const [px, py] = this.#at([x, elevation + HIGH_DEG]);
    return [px, WIDE_DEG * step, py, HIGH_DEG * up];
  }

  tell(slot) {
    if (!this.#sky) return { title: t('loading'), values: {} };
    const { cells, title } = this.#sky;
    const cell = cells[slot];
    if (slot === null || !cell) return { title, values: {} };
    const { azimuth, elevation, kind, n, days, seen } = cell;
    const where = t('roof_where', {
      direction: t(`roof_dir_${directionOf(azimuth + WIDE_DEG / 2)}`),
      azimuth: `${azimuth}–${azimuth + WIDE_DEG}°`,
      elevation: `${count(elevation)}–${count(elevation + HIGH_DEG)}°`,
    });
    if (kind === 'never') return { title: t('roof_where_never', { where }), values: {} };
    const often = t('roof_seen_often', { n: count(n), days: t('days', { n: days }) });
    const last = seen ? t('roof_seen_last', { day: longDay(noon(seen.slice(0, 10)), 'UTC') }) : null;
    return { title: [where, often, last].filter(Boolean).join(', '), values: { [kind]: valueOf(cell) } };
  }

  // Degrees a pixel is worth: as wide and as high as the sun goes there.
  #scale() {
    const { paths } = this.#lines ?? { paths: [] };
    const sky = [...paths.flatMap((path) => path.sky), ...(this.#sky?.cells ?? []).map(({ x, elevation }) => [x + WIDE_DEG / 2, elevation])];
    const most = Math.max(60, ...sky.map(([x]) => Math.abs(x))) + WIDE_DEG;
    const top = Math.max(20, ...sky.map(([, elevation]) => elevation)) + 4;
    const wide = this.svg.clientWidth - LEFT - RIGHT;
    return { left: -most, step: wide / (2 * most), up: (this.height - TOP - BOTTOM) / top, top, most };
  }

  #at([x, elevation], { left, step, up } = this.#scale()) {
    return [LEFT + (x - left) * step, this.height - BOTTOM - elevation * up];
  }

  paint(width) {
    if (!this.#sky) return [];
    const scale = this.#scale();
    return [
      ...this.#degrees(width, scale),
      ...this.#cells(scale),
      ...['sun-edge', 'sun-path'].flatMap((name) => this.#lines.paths.flatMap(({ sky }) => this.#path(sky, name, scale))),
      ...this.#hours(scale),
      ...this.#days(scale),
      ...this.#now(scale),
    ];
  }

  #degrees(width, scale) {
    const bottom = this.height - BOTTOM;
    const { latitude } = this.#sky.place;
    const [middle, nodes] = [latitude >= 0 ? 180 : 0, []];
    nodes.push(svg('text', { x: LEFT - 6, y: 12, class: 'tick end' }, '°'));
    for (let high = 0; high <= scale.top; high += scale.top > 50 ? 20 : 10) {
      const y = bottom - high * scale.up;
      nodes.push(svg('line', { x1: LEFT, x2: width - RIGHT, y1: y.toFixed(1), y2: y.toFixed(1), class: high ? 'grid' : 'zero' }));
      nodes.push(svg('text', { x: LEFT - 6, y: (y + 4).toFixed(1), class: 'tick end' }, String(high)));
    }
    const every = width < NARROW_PX ? 45 : MARK_DEG;
    for (let off = -180 + (180 % every); off <= 180; off += every) {
      if (Math.abs(off) > scale.most - 4) continue;
      const azimuth = (middle + off + 360) % 360;
      const [x] = this.#at([off, 0], scale);
      const word = azimuth % 45 ? `${azimuth}°` : t(`roof_short_dir_${directionOf(azimuth)}`);
      nodes.push(svg('line', { x1: x.toFixed(1), x2: x.toFixed(1), y1: bottom, y2: bottom + 4, class: 'zero' }));
      nodes.push(svg('text', { x: x.toFixed(1), y: bottom + 17, class: 'tick middle' }, word));
    }
    return nodes;
  }

  // All cells of one colour are one shape: there are some seven hundred.
  #cells(scale) {
    const [wide, high] = [WIDE_DEG * scale.step, HIGH_DEG * scale.up].map((size) => Math.max(size - 0.6, 0.5).toFixed(1));
    const shapes = new Map();
    const sky = { x: LEFT, y: 0, width: this.svg.clientWidth - LEFT - RIGHT, height: this.height - BOTTOM };
    for (const { x, elevation, kind } of this.#sky.cells) {
      const [px, py] = this.#at([x, elevation + HIGH_DEG], scale);
      shapes.set(kind, `${shapes.get(kind) ?? ''}M${px.toFixed(1)} ${py.toFixed(1)}h${wide}v${high}h-${wide}Z`);
    }
    return [...shapes].flatMap(([kind, d]) =>
      kind === 'never' ? this.hatchedShape(d, sky) : [svg('path', { d, class: `cells fill-${kind}` })],
    );
  }

  // A line breaks where the sun passes behind the edge.
  #path(sky, name, scale) {
    const d = sky.map((place, n) => {
      const isOn = n && Math.abs(place[0] - sky[n - 1][0]) < 60;
      const [x, y] = this.#at(place, scale);
      return `${isOn ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    return d.length ? [svg('path', { d: d.join(''), class: name })] : [];
  }

  // Each hour is named where the sun is highest in it, as far as there is room.
  #hours(scale) {
    const taken = [];
    return this.#lines.hours.flatMap(({ hour, sky }) => {
      const [x, y] = this.#at(highest(sky), scale);
      const line = this.#path(sky, 'sun-hour', scale);
      if (taken.some(([left, top]) => Math.abs(left - x) < 2 * APART_PX && Math.abs(top - y) < APART_PX)) return line;
      taken.push([x, y]);
      const word = when(Date.UTC(2026, 0, 1, hour), 'UTC', { hour: 'numeric' }).replace(/\s.*/, '');
      return [...line, svg('text', { x: x.toFixed(1), y: (y - 4).toFixed(1), class: 'sky-word middle' }, word)];
    });
  }

  // The date of each path, under its top.
  #days(scale) {
    return this.#lines.paths.flatMap(({ ms, sky }) => {
      if (!sky.length) return [];
      const [x, y] = this.#at(highest(sky), scale);
      const word = when(ms, 'UTC', { day: 'numeric', month: 'short' });
      return [svg('text', { x: x.toFixed(1), y: (y + 14).toFixed(1), class: 'sky-word middle' }, word)];
    });
  }

  #now(scale) {
    const { place, ms } = this.#sky;
    const { azimuth, elevation } = sunAt(ms, place.latitude, place.longitude);
    if (elevation <= 0) return [];
    const [cx, cy] = this.#at([across(azimuth, place.latitude), elevation], scale);
    return [svg('circle', { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 6, class: 'sun-now' })];
  }
}

const highest = (sky) => sky.reduce((high, place) => (place[1] > high[1] ? place : high));

function valueOf({ kind, performance, change, old, contrast, state }) {
  const pct = (value) => amount(value * 100, 0, '%');
  if (kind === 'few') return t('roof_too_few');
  if (change !== undefined) return t('roof_changed', { old: pct(old), now: pct(performance) });
  const isBeam = ['shaded', 'partly'].includes(state) && typeof contrast === 'number';
  return [pct(performance), isBeam && t(contrast < DIRT ? 'roof_beam_only' : 'roof_all_light')].filter(Boolean).join(', ');
}
