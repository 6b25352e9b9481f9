// The figures of a month's peaks: its highest quarter hour, the meter's own, what counts, and the mean of twelve.

import { el } from './dom.js';
import { clock, dayTime, hourMinute, power } from './words.js';

const AGREEMENT = {
  agrees: () => 'as measured here',
  boundary_missed: (w) =>
    `${more(w)} than measured here: no reading was near enough to an end of the quarter hour`,
  not_measured: () => 'not measured here: readings are missing then',
};

// answer: of /v1/p1/capacity.
export function capacityFigures({ month, peak, meter, year }, zone) {
  const own = year.months.find((one) => one.month === month);
  return [
    tile('Peak of the month', 'peak', peak?.avg_power_w, [
      peak && when(peak, zone),
      peak?.estimated && 'estimated',
    ]),
    tile('… by the meter itself', 'meter', meter?.peak_w, meterNotes(meter, zone)),
    tile('Counts as', 'billed', own?.billed_w, [own?.billed_w > own?.peak_w && floorName(year)]),
    tile('Mean of twelve months', 'mean', year.mean_w, [
      year.known_months < 12 && `${year.known_months || 'none'} of them known`,
      year.floor_w > 0 && year.known_months > 0 && `each at least ${power(year.floor_w)}, ${floorName(year)}`,
    ]),
  ];
}

// live: of the same answer; what may still be drawn in the quarter hour that runs.
export function liveWords(
  { until, may_draw_w: may, limit_w: limit, power_w: now, projected_w: end, ts },
  zone,
) {
  const time = hourMinute(Date.parse(until), zone);
  const isFree = may > 0;
  return {
    line: isFree
      ? `You may draw ${power(may)} until ${time}`
      : `This quarter hour is a new peak, until ${time}`,
    more:
      `It ends ${isFree ? 'then no higher than' : 'in any case above'} ${power(limit)}. Now ${power(now)}; ` +
      `if that goes on, ${power(end)}. As of ${clock(Date.parse(ts), zone)}.`,
  };
}

function tile(name, key, watts, notes) {
  return el(
    'div',
    { class: 'tile' },
    el('dt', {}, name),
    el('dd', { class: 'value', 'data-figure': key }, power(watts)),
    el('dd', { class: 'note' }, notes.filter(Boolean).join('\n')),
  );
}

const when = ({ from, to }, zone) =>
  `${dayTime(Date.parse(from), zone)} – ${hourMinute(Date.parse(to), zone)}`;

function meterNotes(meter, zone) {
  if (!meter) return ['the meter does not say'];
  const { peak_ts: at, difference_w: difference, agreement } = meter;
  return [at && `until ${dayTime(Date.parse(at), zone)}, by its clock`, AGREEMENT[agreement]?.(difference)];
}

const more = (watts) => `${power(watts)} ${watts < 0 ? 'less' : 'more'}`;
const floorName = ({ floor }) => (floor ? `the floor of ${floor}` : 'the floor');
