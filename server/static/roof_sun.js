// Where the sun is: the formulas of edge_lib/shared/sun.py once more (NOAA's form), so that paths and hours are
// drawn without asking. Degrees; azimuth from north, clockwise.

const DAY_MS = 86400e3;
const STEP_MS = 10 * 60e3;
const JULIAN_OF_1970 = 2440587.5;
const JULIAN_OF_2000 = 2451545;
const rad = (deg) => (deg * Math.PI) / 180;
const deg = (angle) => (angle * 180) / Math.PI;
const [sin, cos, tan] = [Math.sin, Math.cos, Math.tan].map((of) => (angle) => of(rad(angle)));

// {azimuth, elevation} at a moment, in ms, as the air bends it.
export function sunAt(ms, latitude, longitude) {
  const T = (ms / DAY_MS + JULIAN_OF_1970 - JULIAN_OF_2000) / 36525;
  const L0 = 280.46646 + T * (36000.76983 + 0.0003032 * T);
  const M = 357.52911 + T * (35999.05029 - 0.0001537 * T);
  const e = 0.016708634 - T * (0.000042037 + 0.0000001267 * T);
  const C =
    sin(M) * (1.914602 - T * (0.004817 + 0.000014 * T)) + sin(2 * M) * (0.019993 - 0.000101 * T) + 0.000289 * sin(3 * M);
  const om = 125.04 - 1934.136 * T;
  const lam = L0 + C - 0.00569 - 0.00478 * sin(om);
  const eps = 23 + (26 + (21.448 - T * (46.815 + T * (0.00059 - 0.001813 * T))) / 60) / 60 + 0.00256 * cos(om);
  const dec = deg(Math.asin(sin(eps) * sin(lam)));
  const y = tan(eps / 2) ** 2;
  const equation =
    4 *
    deg(
      y * sin(2 * L0) - 2 * e * sin(M) + 4 * e * y * sin(M) * cos(2 * L0) - (y ** 2 / 2) * sin(4 * L0) - 1.25 * e ** 2 * sin(2 * M),
    );
  const minutes = (((ms / 60e3) % 1440) + 1440) % 1440;
  const H = (minutes + equation + 4 * longitude) / 4 - 180;
  const north = cos(latitude) * sin(dec) - sin(latitude) * cos(dec) * cos(H);
  const east = -sin(H) * cos(dec);
  const up = sin(latitude) * sin(dec) + cos(latitude) * cos(dec) * cos(H);
  const elevation = deg(Math.atan2(up, Math.hypot(north, east)));
  const azimuth = deg(Math.atan2(east, north));
  return { azimuth: (azimuth + 360) % 360, elevation: elevation + refraction(elevation) };
}

function refraction(el) {
  if (el > 85) return 0;
  const t = tan(el);
  if (el > 5) return (58.1 / t - 0.07 / t ** 3 + 0.000086 / t ** 5) / 3600;
  if (el > -0.575) return (1735 + el * (-518.2 + el * (103.4 + el * (-12.79 + 0.711 * el)))) / 3600;
  return -20.772 / t / 3600;
}

// From the middle of the sky over the equator, -180 to 180: what is drawn side by side is so there.
export const across = (azimuth, latitude) => ((azimuth - (latitude >= 0 ? 180 : 0) + 540) % 360) - 180;

const dayOf = (year, month, day, longitude) => Date.UTC(year, month, day) - (longitude / 360) * DAY_MS;

// The paths of both solstices and an equinox: [{ms, sky: [[across, elevation]]}], where the sun is up.
export function pathsOf(year, { latitude, longitude }) {
  return [[5, 21], [2, 20], [11, 21]].map(([month, day]) => {
    const begin = dayOf(year, month, day, longitude);
    const sky = [];
    for (let ms = begin; ms <= begin + DAY_MS; ms += STEP_MS) sky.push(placeOf(ms, latitude, longitude));
    return { ms: begin + DAY_MS / 2, sky: sky.filter(([, elevation]) => elevation > 0) };
  });
}

// Where the sun is at each whole hour, from one solstice to the other: [{minute of UTC, sky}]; offset: minutes by which
// clocks are ahead of UTC.
export function hoursOf(year, { latitude, longitude }, offset) {
  return Array.from({ length: 24 }, (_, hour) => {
    const sky = [];
    for (let week = 0; week <= 26; week++) {
      const ms = Date.UTC(year, 5, 21 + week * 7) + (hour * 60 - offset) * 60e3;
      sky.push(placeOf(ms, latitude, longitude));
    }
    return { hour, sky: sky.filter(([, elevation]) => elevation > 0) };
  }).filter(({ sky }) => sky.length > 1);
}

function placeOf(ms, latitude, longitude) {
  const { azimuth, elevation } = sunAt(ms, latitude, longitude);
  return [across(azimuth, latitude), elevation];
}

// The cells that the sun crosses in a year, as keys of `keyOf(azimuth, elevation)`, from `least` degrees up: from the
// shortest day to the longest, since it comes back by the same way.
export function cellsOfYear(year, { latitude, longitude }, keyOf, least) {
  const found = new Set();
  for (let day = -10; day <= 172; day += 2) {
    const begin = Date.UTC(year, 0, 1 + day);
    for (let ms = begin; ms < begin + DAY_MS; ms += STEP_MS) {
      const { azimuth, elevation } = sunAt(ms, latitude, longitude);
      if (elevation > least) found.add(keyOf(azimuth, elevation));
    }
  }
  return found;
}
