// Textures and hatching, drawn as lines within a box. A pattern would do the same on a screen; in a PDF it becomes a
// picture of its own for each shape, and a month of bars some megabytes.

const STEP = 6; // of the tiles of swatch.js, whose signs these are
const INSET = 0.65; // half a stroke
const HATCH = 5 * Math.SQRT2; // along an axis
const HATCH_WIDE = 1.6;
const NARROW = 3; // so narrow there is no room for a slanted line

// Families of lines: whether they go down, where they are within a tile, and where they begin.
const LINES = {
  import: { lines: [[false, 3, 0]] },
  export: { lines: [[true, 3, 0]] },
  charge: { lines: [[false, 1.5, 1.5], [false, 4.5, 4.5]], dash: '0 6' },
  discharge: { lines: [[true, 3, 1], [false, 3, 1]], dash: '4 2' },
};
const LIKE = { 'string-2': 'import', 'string-3': 'charge', 'string-4': 'export' };

const next = (from, step, at) => Math.ceil((from - at) / step) * step + at;
const short = (number) => Number(number.toFixed(1));

// The attributes of a path: the texture of a colour within a box {x, y, width, height}.
export function textureIn(colour, box) {
  const { lines, dash } = LINES[LIKE[colour] ?? colour];
  const [left, top] = [box.x + INSET, box.y + INSET];
  const [right, bottom] = [box.x + box.width - INSET, box.y + box.height - INSET];
  const d = lines.map(([isDown, at, from]) => {
    const [first, last, begin, end] = isDown ? [left, right, top, bottom] : [top, bottom, left, right];
    const start = short(dash ? next(begin, STEP, from) : begin);
    if (start > end) return '';
    let parts = '';
    for (let place = next(first, STEP, at); place <= last; place += STEP)
      parts += isDown ? `M${short(place)} ${start}V${short(end)}` : `M${start} ${short(place)}H${short(end)}`;
    return parts;
  });
  return { d: d.join(''), 'stroke-dasharray': dash, class: 'texture textured' };
}

// The same of slanted lines.
export function hatchIn({ x, y, width, height }) {
  const hatch = { class: 'hatch-stroke' };
  if (width < NARROW) {
    const down = `M${short(x + width / 2)} ${short(y)}V${short(y + height)}`;
    return { ...hatch, d: down, 'stroke-width': short(width), 'stroke-dasharray': `${HATCH_WIDE} ${short(HATCH - HATCH_WIDE)}` };
  }
  let d = '';
  for (let sum = next(x + y, HATCH, 0); sum < x + y + width + height; sum += HATCH) {
    const [from, to] = [Math.max(x, sum - y - height), Math.min(x + width, sum - y)];
    d += `M${short(from)} ${short(sum - from)}L${short(to)} ${short(sum - to)}`;
  }
  return { ...hatch, d, 'stroke-width': HATCH_WIDE };
}

// The box around a path of straight lines, or a circle.
export function boxOf({ d, cx, cy, r }) {
  if (d === undefined) return { x: cx - r, y: cy - r, width: 2 * r, height: 2 * r };
  const [xs, ys] = [[], []];
  for (const [, x, y] of d.matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)) {
    xs.push(Number(x));
    ys.push(Number(y));
  }
  const least = (all) => all.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (all) => all.reduce((a, b) => Math.max(a, b), -Infinity);
  return { x: least(xs), y: least(ys), width: most(xs) - least(xs), height: most(ys) - least(ys) };
}
