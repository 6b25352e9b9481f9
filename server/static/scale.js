// Round steps for an axis.

// The steps from 0 on that reach as far as needed, about `parts` of them.
function niceStep(most, parts) {
  const raw = Math.max(most, 1e-9) / parts;
  const size = 10 ** Math.floor(Math.log10(raw));
  return size * [1, 2, 5, 10].find((factor) => factor * size >= raw * 0.999);
}

// An axis from -down to up, both rounded up to a step, in pixels from top to bottom.
export function axis(up, down, top, bottom) {
  const step = niceStep(Math.max(up + down, 0.1), 5);
  const high = Math.max(Math.ceil(up / step - 1e-6), 1) * step;
  const low = Math.ceil(down / step - 1e-6) * step;
  const y = (value) => bottom - ((value + low) / (high + low)) * (bottom - top);
  const ticks = [];
  for (let n = Math.round(-low / step); n <= Math.round(high / step); n++) ticks.push(n * step);
  return { y, ticks };
}
