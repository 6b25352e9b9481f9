// The hours of a day, as a table.

import { el } from './dom.js';
import { total } from './energy.js';
import { isMetered } from './meter.js';
import { seriesTable } from './table.js';
import { hourMinute } from './words.js';

export async function hoursTable({ ask, csv, zone, p1 }, date) {
  const { series } = await ask('/v1/series', { frame: 'day', date });
  const rows = series.map((row) => ({
    name: hourMinute(Date.parse(row.bucket), zone),
    row: { ...row, ...total([row]) },
  }));
  return [
    series.length
      ? seriesTable({
          caption: 'Energy by the hour, in kWh',
          head: 'Hour',
          rows,
          total: total(series),
          hasMeter: series.some(isMetered),
          p1,
        })
      : el('p', { class: 'quiet' }, 'No readings on this day.'),
    el(
      'p',
      { class: 'table-foot' },
      el('a', { href: csv({ frame: 'day', date }), download: true }, 'Download the hours as CSV'),
      ' · hours are power × time, the figures of the day come from the counters',
    ),
  ];
}
