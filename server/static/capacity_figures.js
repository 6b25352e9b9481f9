// The figures of a month's peaks: its highest quarter hour, the meter's own, what counts, and the mean of twelve.

import { el } from './dom.js';
import { t } from './language.js';
import { clock, dayTime, hourMinute, power } from './words.js';

const AGREEMENT = {
  agrees: () => t('peak_agrees'),
  boundary_missed: (w) => t(w < 0 ? 'peak_missed_less' : 'peak_missed_more', { power: power(w) }),
  not_measured: () => t('peak_not_measured'),
};

// answer: of /v1/p1/capacity.
export function capacityFigures({ month, peak, meter, year }, zone) {
  const own = year.months.find((one) => one.month === month);
  return [
    tile(t('peak_of_month'), 'peak', peak?.avg_power_w, [
      peak && when(peak, zone),
      peak?.estimated && t('estimated'),
    ]),
    tile(t('peak_by_meter'), 'meter', meter?.peak_w, meterNotes(meter, zone)),
    tile(t('peak_counts_as'), 'billed', own?.billed_w, [own?.billed_w > own?.peak_w && floorName(year)]),
    tile(t('mean_of_twelve'), 'mean', year.mean_w, [
      year.known_months < 12 && t(year.known_months ? 'months_known' : 'months_unknown', { n: year.known_months }),
      year.floor_w > 0 &&
        year.known_months > 0 &&
        t('each_at_least', { power: power(year.floor_w), floor: floorName(year) }),
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
    line: t(isFree ? 'may_draw' : 'new_peak', { power: power(may), time }),
    more: t(isFree ? 'live_free' : 'live_above', {
      limit: power(limit),
      now: power(now),
      end: power(end),
      time: clock(Date.parse(ts), zone),
    }),
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
  if (!meter) return [t('meter_does_not_say')];
  const { peak_ts: at, difference_w: difference, agreement } = meter;
  return [at && t('until_by_its_clock', { time: dayTime(Date.parse(at), zone) }), AGREEMENT[agreement]?.(difference)];
}

const floorName = ({ floor }) => (floor ? t('floor_of', { floor }) : t('the_floor'));
