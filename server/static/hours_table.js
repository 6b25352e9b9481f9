// The hours of a day, as a table.

import { hasBattery } from './battery.js';
import { el } from './dom.js';
import { total } from './energy.js';
import { t } from './language.js';
import { isMetered } from './meter.js';
import { seriesTable } from './table.js';
import { hourMinute } from './words.js';

export async function hoursTable({ ask, csv, device, zone, p1 }, date) {
  const { series } = await ask('/v1/series', { frame: 'day', date });
  const rows = series.map((row) => ({
    name: hourMinute(Date.parse(row.bucket), zone),
    row: { ...row, ...total([row]) },
  }));
  return [
    series.length
      ? seriesTable({
          caption: t('energy_by_hour'),
          head: t('head_hour'),
          rows,
          total: total(series),
          hasMeter: series.some(isMetered),
          hasBattery: hasBattery(device, series),
          p1,
        })
      : el('p', { class: 'quiet' }, t('no_readings_on_day_stop')),
    el(
      'p',
      { class: 'table-foot' },
      el('a', { href: csv({ frame: 'day', date }), download: true }, t('csv_of_hours')),
      ` · ${t('hours_are')}`,
    ),
  ];
}
