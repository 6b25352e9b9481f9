// The lists of the Roof view: what was lost in each month and to what, what is set and what the data suggest, and what
// happened. What nobody knows is a dash, never nought.

import { el } from './dom.js';
import { t } from './language.js';
import { named } from './period_kinds.js';
import { command, day, isKnown, nameOf, stringOption, why } from './roof_words.js';
import { digits, sentence, told, unbroken } from './room.js';
import { plainTable } from './table.js';
import { NONE, amount, count, percent, said } from './words.js';

const CAUSES = ['clipping', 'export_limit', 'full_battery', 'derating', 'dispatch', 'voltage', 'outage'];
const LEAST_KWH = 0.05;
const SHOWN = 12; // months

// Of all strings together, by months, the newest first: [{month, cells: {cause: {kwh or null, isLeast}}}]. A cause of
// which one string is not known is at least what the others lost.
export function lossesOf(rows) {
  const months = [...new Set(rows.map(({ month }) => month))].sort().reverse();
  return months.map((month) => {
    const own = rows.filter((row) => row.month === month);
    const cells = { shade: together(own, 'shade_kwh', ({ shade_kind: kind }) => kind === 'at_least') };
    for (const cause of CAUSES) cells[cause] = together(own, `${cause}_kwh`, () => false);
    return { month, cells };
  });
}

function together(rows, key, isLeastOf) {
  const known = rows.filter((row) => typeof row[key] === 'number');
  if (!known.length) return { kwh: null, isLeast: false };
  const isLeast = known.length < rows.length || known.some((row) => row[key] > 0 && isLeastOf(row));
  return { kwh: known.reduce((sum, row) => sum + row[key], 0), isLeast };
}

// The nodes of the card; null where nothing is known of any month.
export function lossTable(rows) {
  const months = lossesOf(rows);
  const all = ['shade', ...CAUSES];
  const isThere = (cause) => months.some(({ cells }) => (cells[cause].kwh ?? 0) >= LEAST_KWH);
  const isUnknown = (cause) => months.every(({ cells }) => cells[cause].kwh === null);
  const columns = all.filter(isThere);
  if (all.every(isUnknown)) return null;
  const heads = [t('roof_head_month'), ...columns.map((cause) => t(`roof_loss_${cause}`))];
  const line = ({ month, cells }) => [
    named(`${month}-01`, { month: 'short', year: 'numeric' }),
    ...columns.map((cause) => cellWords(cells[cause])),
  ];
  const table = (of, caption) => plainTable(t(caption), heads, of.map(line));
  const older = months.slice(SHOWN);
  const absent = all.filter((cause) => !columns.includes(cause));
  const nothing = absent.filter((cause) => !isUnknown(cause)).map((cause) => t(`roof_loss_${cause}`));
  const unknown = absent.filter(isUnknown).map((cause) => t(`roof_loss_${cause}`));
  return [
    columns.length ? table(months.slice(0, SHOWN), 'roof_losses') : null,
    columns.length && older.length ? el('details', {}, el('summary', {}, t('roof_losses_older')), table(older, 'roof_losses_older')) : null,
    columns.length ? el('p', { class: 'quiet' }, t('roof_losses_how')) : null,
    nothing.length ? el('p', { class: 'quiet' }, t('roof_losses_none', { list: nothing.join(' · ') })) : null,
    unknown.length ? el('p', { class: 'quiet' }, t('roof_losses_unknown', { list: unknown.join(' · ') })) : null,
  ].filter(Boolean);
}

const cellWords = ({ kwh, isLeast }) => (kwh === null ? NONE : `${isLeast ? '≥\u00a0' : ''}${digits(kwh, kwh < 10 ? 1 : 0)}`);

// What is set, what the data suggest beside it, and what to type.
export function settingsList(found, device) {
  const { place, strings, export_limit_w: limit } = found;
  const where = place ? `${digits(place.latitude, 2)}°, ${digits(place.longitude, 2)}°` : t('roof_not_set');
  const facts = [
    [t('roof_place'), where],
    [t('roof_export_limit'), typeof limit === 'number' ? amount(limit, 0, 'W') : t('roof_not_set')],
    ...strings.flatMap((one) => stringFacts(one, found)),
  ];
  const lacks = strings.some(({ plane }) => !plane?.kwp || plane.source !== 'set');
  return [
    el('dl', { class: 'facts' }, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
    el('p', { class: 'quiet' }, t(lacks || !place ? 'roof_settings_why' : 'roof_to_change')),
    typed(strings.map((one) => command(device, stringOption(one.string, best(one), one.name ?? 'NAME'), found.reason_text))),
  ];
}

// What a command may begin with: what is set, or else what the data suggest.
const best = ({ plane, suggestion }) => ({
  tilt_deg: plane?.source ? plane.tilt_deg : (suggestion?.tilt_deg ?? null),
  azimuth_deg: plane?.source ? plane.azimuth_deg : (suggestion?.azimuth_deg ?? null),
  kwp: plane?.kwp ?? null,
});

export const typed = (commands) => el('ul', { class: 'typed' }, commands.map((line) => el('li', {}, el('code', {}, unbroken(line)))));

function stringFacts({ string, plane, suggestion }, found) {
  const name = nameOf(string, found);
  const words = (of) => t('roof_plane', { tilt: `${count(of.tilt_deg)}°`, azimuth: `${count(of.azimuth_deg)}°` });
  const kwp = plane?.kwp ? amount(plane.kwp, 2, 'kWp') : t('roof_kwp_unknown');
  const how = plane?.source === 'fitted' ? `(${t('roof_fitted')})` : null;
  const set = [plane?.source ? [words(plane), kwp].join(', ') : plane?.kwp ? kwp : t('roof_not_set'), how].filter(Boolean).join(' ');
  const beside = suggestion && plane?.source !== 'fitted' ? t('roof_suggested', { plane: words(suggestion), n: suggestion.days }) : null;
  return [[name, [el('span', {}, set), beside && el('span', { class: 'quiet beside' }, beside)]]];
}

// What the data contradict; and what happened, the newest first.
export function warningsOf(found) {
  const own = found.strings.flatMap(({ string, warnings }) => (warnings ?? []).map((one) => ({ ...one, string })));
  return [...(found.warnings ?? []), ...own].map(({ id, string, values = {}, text }) =>
    sentence(told(`roof_warn_${id}`, { ...rounded(values), name: nameOf(string, found) }) ?? text ?? id),
  );
}

const rounded = (values) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, typeof value === 'number' ? Math.round(value) : value]));

export function eventWords(event, found) {
  const { id, string, value, values = {}, text } = event;
  const pct = typeof value === 'number' ? percent(Math.abs(value) * 100) : null;
  const kind = ['share_step', 'share_drift'].includes(id) ? `${id}_${value < 0 ? 'less' : 'more'}` : id;
  return told(`roof_event_${kind}`, { ...rounded(values), pct, name: nameOf(string, found) }) ?? text ?? id;
}

export function eventsList(found) {
  const events = [...found.events].sort((a, b) => (a.from < b.from ? 1 : -1));
  if (!events.length) return null;
  const line = (event) =>
    el('li', { 'data-event': event.id }, el('span', { class: 'quiet' }, spanOf(event)), el('span', {}, sentence(eventWords(event, found))));
  return el('ul', { class: 'events' }, events.map(line));
}

const spanOf = ({ from, to }) => (to && to.slice(0, 10) !== from.slice(0, 10) ? `${day(from)} – ${day(to)}` : day(from));

// Figures of a string that have no picture: what shade took in a year, dirt, and how it ages.
export function figuresTable(found) {
  const written = {
    shade_loss: ({ kwh, kind }) => kind === 'at_least' && kwh < LEAST_KWH ? t('roof_none_found') : `${kind === 'at_least' ? '≥\u00a0' : ''}${amount(kwh, kwh < 10 ? 1 : 0, 'kWh')}`,
    soiling: ({ pct }) => amount(pct, 1, '%'),
    trend: ({ pct_year: pct, low, high }) => t('roof_trend', { pct: signed(pct), low: signed(low), high: signed(high) }),
  };
  const keys = { shade_loss: 'kwh', soiling: 'pct', trend: 'pct_year' };
  const cell = (one, key) => {
    const figure = one[key];
    if (isKnown({ value: figure?.[keys[key]] })) return written[key](figure);
    return NONE;
  };
  const names = Object.keys(keys);
  if (!found.strings.some((one) => names.some((key) => one[key]))) return null;
  const heads = [t('roof_head_string'), ...names.map((key) => t(`roof_head_${key}`))];
  const rows = found.strings.map((one) => [nameOf(one.string, found), ...names.map((key) => cell(one, key))]);
  return [plainTable(t('roof_figures_table'), heads, rows), ...lacking(found, names)];
}

// Why there is a dash, said once for all strings that have it for the same reason.
function lacking(found, keys) {
  return keys.flatMap((key) => {
    const byWhy = new Map();
    for (const one of found.strings) {
      const words = one[key]?.reason && why(one[key]);
      if (words) byWhy.set(words, [...(byWhy.get(words) ?? []), nameOf(one.string, found)]);
    }
    return [...byWhy].map(([words, names]) => {
      const whose = names.length < found.strings.length ? ` (${names.join(', ')})` : '';
      return el('p', { class: 'quiet' }, sentence(said(`${t(`roof_head_${key}`)}${whose}`, words)));
    });
  });
}

const signed = (value) => `${value < 0 ? '−' : '+'}${amount(Math.abs(value), 1, '%')}`;
