// The answers of /v1/battery and its kin as the charts of the Battery view take them. Pure functions.

import { t } from './language.js';
import { named } from './period_kinds.js';
import { count, power } from './words.js';
import { momentOf } from './zone.js';

const MONTHS = 24;
const [FULL_PCT, HOT_C] = [90, 35];
const ofKind = ({ kind, capacity_kwh: kwh }) => kind !== 'full_full' && typeof kwh === 'number';

// What measured a capacity, the oldest first; answer: of /v1/battery/events, or null.
export function eventsOf(answer) {
  return (answer?.windows ?? [])
    .filter(ofKind)
    .map(({ from, to, kind, capacity_kwh: kwh, charge_kwh: charged, discharge_kwh: discharged, temp_c: celsius, epoch }) => ({
      from: Date.parse(from),
      at: Date.parse(to),
      kind,
      kwh,
      charged,
      discharged,
      celsius: celsius ?? null,
      epoch,
    }))
    .sort((a, b) => a.at - b.at);
}

// kWh that the warranty promises; null where that was not set.
export function limitOf(warranty) {
  const { capacity_pct: pct, capacity_kwh: kwh } = warranty ?? {};
  return pct && kwh ? (pct / 100) * kwh : null;
}

// For BatteryCapacityChart.
export function capacityOf({ figures, capacity_by_year: years, soh_by_month: months = [], warranty }, answer, { zone, until }) {
  const events = eventsOf(answer);
  const whole = figures.capacity_first_kwh?.value ?? warranty?.capacity_kwh ?? null;
  const told = months.filter(({ soh_pct: pct }) => whole !== null && typeof pct === 'number');
  return {
    events,
    years: years.filter(({ value }) => value !== null).map((row) => yearOf(row, years, events, zone)),
    told: told.map(({ month, soh_pct: pct }) => ({ at: Date.parse(`${month}-15`), kwh: (pct / 100) * whole })),
    warranty: limitOf(warranty),
    until,
    zone,
  };
}

// A year that saw two batteries is divided by their events.
function yearOf({ year, epoch, value, low, high }, years, events, zone) {
  const [from, to] = [year, year + 1].map((one) => momentOf(`${one}-01-01`, 0, zone));
  const band = { from, to, kwh: value, low: low ?? null, high: high ?? null };
  if (years.filter((other) => other.year === year).length < 2) return band;
  const own = events.filter((one) => one.epoch === epoch && one.at >= from && one.at < to).map(({ at }) => at);
  return own.length ? { ...band, from: own[0], to: own[own.length - 1] } : band;
}

export function efficiencyOf({ efficiency_by_month: months }) {
  return months.slice(-MONTHS).map(({ month, value, low, high, reason }) => ({
    label: named(`${month}-01`, { month: 'narrow' }),
    name: named(`${month}-01`, { month: 'long', year: 'numeric' }),
    value,
    low,
    high,
    note: reason ? t(`battery_short_${reason}`) : '',
  }));
}

export function depthOf({ bands }) {
  return bands.map(({ from_pct: from, to_pct: to, cycles }) => ({
    label: `${from}–${to}`,
    name: t('battery_depth_of', { from, to }),
    value: cycles,
    note: '',
  }));
}

// Temperatures that it never had have no column.
export function heatOf({ soc_edges_pct: socs, temp_edges_c: temps, heat_hours: hours }) {
  const had = temps.map((_, column) => hours.some((row) => row[column] > 0));
  const [first, last] = [had.indexOf(true), had.lastIndexOf(true)];
  const within = (_, column) => column >= first && column <= last;
  const edges = temps.filter(within);
  const total = hours.flat().reduce((sum, value) => sum + value, 0);
  return {
    columns: edges.map((edge, n) => temperatureBand(edge, temps) + (n === edges.length - 1 ? '\u00a0°C' : '')),
    rows: socs.map((edge, n) => `${edge}–${socs[n + 1] ?? 100}`),
    hours: hours.map((row) => row.filter(within)),
    isMuch: (row, column) => socs[row] >= FULL_PCT && edges[column] >= HOT_C,
    title: t('battery_heat_total', { n: count(total) }),
  };
}

function temperatureBand(edge, temps) {
  const next = temps[temps.indexOf(edge) + 1];
  if (edge === temps[0]) return `<\u00a0${next}`;
  return next === undefined ? `≥\u00a0${edge}` : `${edge}–${next}`;
}

// The hours of the last twelve months that age a battery.
export function exposureWords({ months }) {
  const year = months.slice(-12);
  const sum = (key) => count(year.reduce((all, row) => all + (row[key] ?? 0), 0));
  const values = { full: sum('hours_full'), low: sum('hours_low'), hot: sum('hours_hot'), cold: sum('hours_cold_charging') };
  return t('battery_exposure', { ...values, span: t('battery_months', { n: year.length }) });
}

// Rows of a table: how hard it worked, in kW of its own capacity.
export function ratesOf({ exposure, warranty }) {
  const whole = warranty?.capacity_kwh;
  if (!whole || !exposure.rates?.length) return [];
  const hours = (value) => (value === null ? '–' : t('battery_n_hours', { n: count(value) }));
  return exposure.rates.map(({ from_rate: from, to_rate: to, hours_charging: charging, hours_discharging: discharging }) => {
    const [low, high] = [from, to].map((rate) => (rate === null ? null : power(rate * whole * 1000)));
    const lower = from === 0 ? t('battery_up_to', { power: high }) : `${low} – ${high}`;
    const name = high === null ? t('battery_above', { power: low }) : lower;
    return [name, hours(charging), hours(discharging)];
  });
}

// What each capacity would have saved against none at all.
export function whatifOf(answer) {
  const all = (answer?.capacities ?? []).filter(({ import_kwh: kwh }) => typeof kwh === 'number');
  const none = all.find(({ capacity_kwh: capacity }) => capacity === 0);
  if (!none) return [];
  const points = all.map(({ capacity_kwh: capacity, import_kwh: bought, export_kwh: sold, is_own: isOwn }) => ({
    capacity,
    saved: none.import_kwh - bought,
    import: bought,
    export: sold,
    isOwn,
  }));
  return points.sort((a, b) => a.capacity - b.capacity);
}

