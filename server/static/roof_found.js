// What last night's analysis found of the roof: where each string is shaded, how it holds against its usual, what was
// lost and to what, what happened, and what is set. What there is nothing of has no card.

import { el, refill, say } from './dom.js';
import { t } from './language.js';
import { eventWords, eventsList, figuresTable, lossTable, settingsList, typed, warningsOf } from './roof_lists.js';
import { RoofMaps } from './roof_maps.js';
import { RoofShareChart } from './roof_share_chart.js';
import { command, nameOf } from './roof_words.js';
import { longDay } from './words.js';
import { addDays } from './zone.js';

const CARDS = ['share', 'figures', 'losses', 'events', 'settings'];

export class RoofFound {
  #context;
  #cards = new Map();
  #share = null;
  made = el('p', { class: 'quiet made' });
  warnings = el('div', { class: 'hint warnings', hidden: true });

  constructor(context, chosen) {
    this.#context = context;
    this.maps = new RoofMaps(context, chosen);
    for (const name of CARDS) this.#card(name);
    this.element = el('div', { class: 'pair found' }, [...this.#cards.values()].map(({ card }) => card));
  }

  #card(name) {
    const [id, more] = [`roof-${name}`, el('div', { class: 'more' })];
    const heading = el('h2', { id }, t(`roof_card_${name}`));
    this.#cards.set(name, { card: el('section', { class: `card ${name}-card`, 'aria-labelledby': id, hidden: true }, heading, more), more });
  }

  // Return the result of /v1/roof; null where it was never analysed.
  async load() {
    const found = await resultOf(this.#context.ask);
    this.#warn(found);
    this.maps.element.hidden = !found?.place;
    if (!found) return null;
    await this.maps.load(found);
    if (found.computed_at) say(this.made, t('roof_as_of', { day: longDay(Date.parse(found.computed_at), this.#context.zone) }));
    for (const name of CARDS) {
      const { card, more } = this.#cards.get(name);
      const nodes = this.#nodesOf(name, found);
      card.hidden = !nodes;
      if (nodes) refill(more, ...[nodes].flat().filter(Boolean));
    }
    return found;
  }

  // What the data contradict, and that no place is set, is said once, with what to type.
  #warn(found) {
    const { device } = this.#context;
    const lines = found ? warningsOf(found).map((words) => el('p', {}, words)) : [];
    const noPlace = found && !found.place ? [el('p', {}, t('roof_no_place')), typed([command(device, '--latitude 51.2 --longitude 4.4', found.reason_text)])] : [];
    this.warnings.hidden = !lines.length && !noPlace.length;
    refill(this.warnings, ...lines, ...noPlace);
  }

  #nodesOf(name, found) {
    const { device } = this.#context;
    switch (name) {
      case 'share':
        return this.#shareNodes(found);
      case 'figures':
        return found.reason ? null : figuresTable(found);
      case 'losses':
        return lossTable(found.losses_by_month ?? []);
      case 'events':
        return eventsList(found);
      default:
        return found.strings.length ? settingsList(found, device) : null;
    }
  }

  #shareNodes(found) {
    const data = shareOf(found);
    if (!data) return null;
    this.#share ??= new RoofShareChart((string) => nameOf(string, found));
    this.#share.show(data);
    return [this.#share.element, el('p', { class: 'quiet' }, t('roof_share_what'))];
  }
}

// A server of before has no such answer.
async function resultOf(ask) {
  try {
    const found = await ask('/v1/roof');
    return found?.computed_at || found?.reason ? { strings: [], events: [], share_by_day: [], ...found } : null;
  } catch (error) {
    if (error.status !== 404) throw error;
    return null;
  }
}

// The days of the share, each with what every string gave against its usual; null where that is of one alone, or of none.
export function shareOf(found) {
  const rows = found.share_by_day.filter(({ ratio7 }) => typeof ratio7 === 'number');
  if (found.strings.length < 2 || !rows.length) return null;
  const dates = rows.map(({ day }) => day).sort();
  const byDay = new Map();
  for (const { day, string, ratio7 } of rows) byDay.set(day, { ...byDay.get(day), [string]: ratio7 * 100 });
  const days = [];
  for (let day = dates[0]; day <= dates[dates.length - 1]; day = addDays(day, 1))
    days.push({ ms: Date.parse(`${day}T00:00:00Z`), pct: byDay.get(day) ?? {} });
  const events = found.events
    .map((event) => ({ ms: Date.parse(`${event.from.slice(0, 10)}T00:00:00Z`), words: eventWords(event, found) }))
    .filter(({ ms }) => ms >= days[0].ms && ms <= days[days.length - 1].ms);
  return { days, events, title: t('roof_share_title', { n: days.length }) };
}
