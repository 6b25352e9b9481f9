// Local days of a device's time zone. Dates are texts like 2026-03-29, moments are ms UTC. Where a day
// begins and ends the server says.

const formats = new Map();
const MINUTE_MS = 60e3;
const DAY_MS = 86400e3;

// UTC where this browser has never heard of the zone.
export function knownZone(zone) {
  try {
    format(zone);
    return zone;
  } catch {
    return 'UTC';
  }
}

function format(zone) {
  if (!formats.has(zone)) {
    formats.set(
      zone,
      new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        calendar: 'gregory',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
      }),
    );
  }
  return formats.get(zone);
}

function shown(ms, zone) {
  return Object.fromEntries(
    format(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
}

export function dateOf(ms, zone) {
  const { year, month, day } = shown(ms, zone);
  return `${year.padStart(4, '0')}-${month}-${day}`;
}

// Minutes since midnight that a clock there shows.
export function minuteOf(ms, zone) {
  const { hour, minute } = shown(ms, zone);
  return Number(hour) * 60 + Number(minute);
}

// Minutes by which clocks there are ahead of UTC.
export function offsetOf(ms, zone) {
  const { year, month, day, hour, minute } = shown(ms, zone);
  return Date.UTC(year, month - 1, day, hour, minute) / MINUTE_MS - Math.floor(ms / MINUTE_MS);
}

// Whether clocks there show this time of the day twice, because they are set back.
export function isDoubled(ms, zone) {
  const here = offsetOf(ms, zone);
  return [-1, 1].some((side) => {
    const toOther = (here - offsetOf(ms + side * (DAY_MS / 2), zone)) * MINUTE_MS;
    return toOther * side > 0 && offsetOf(ms + toOther, zone) !== here;
  });
}

// How such times are told apart: UTC+2, UTC+10:30.
export function offsetName(ms, zone) {
  const offset = offsetOf(ms, zone);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `UTC${offset < 0 ? '−' : '+'}${hours}${minutes ? `:${String(minutes).padStart(2, '0')}` : ''}`;
}

// The moment at which clocks there show this date and minute: the first of two, and where they leave it out, as
// long after midnight as if they did not.
export function momentOf(date, minute, zone) {
  const wall = utc(date) + minute * MINUTE_MS;
  const [first, second] = [-DAY_MS, DAY_MS].map((away) => {
    const offset = offsetOf(wall + away, zone);
    const moment = wall - offset * MINUTE_MS;
    return { moment, isShown: offsetOf(moment, zone) === offset };
  });
  return first.isShown || !second.isShown ? first.moment : second.moment;
}

const utc = (date) => Date.parse(`${date}T00:00:00Z`);
const text = (ms) => new Date(ms).toISOString().slice(0, 10);

export const addDays = (date, days) => text(utc(date) + days * DAY_MS);

export function isDate(given) {
  return /^\d{4}-\d\d-\d\d$/.test(given ?? '') && !Number.isNaN(utc(given)) && text(utc(given)) === given;
}

// A date as a moment to be formatted in UTC.
export const noon = (date) => Date.parse(`${date}T12:00:00Z`);

// A gap as the API has it, in ms.
export const inMs = (gap) => ({ ...gap, start: Date.parse(gap.start), end: Date.parse(gap.end) });
