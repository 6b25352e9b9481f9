// What last night's analysis found of the battery: its capacity over time, how it is used, what that costs, and what
// cannot be measured, with the reason. What there is nothing of has no card.

import { serverNow } from './api.js';
import { BatteryBars } from './battery_bars.js';
import { BatteryCapacityChart } from './battery_capacity_chart.js';
import { capacityOf, depthOf, efficiencyOf, exposureWords, heatOf, ratesOf, whatifOf } from './battery_data.js';
import { BatteryHeatMap } from './battery_heat_map.js';
import { insightsCard } from './battery_insights.js';
import { jumpsTable, unmeasuredList, warrantyWords } from './battery_lists.js';
import { BatteryWhatifChart } from './battery_whatif_chart.js';
import { isAbsent, isKnown, wholeReason } from './battery_words.js';
import { el, refill, say } from './dom.js';
import { t } from './language.js';
import { plainTable } from './table.js';
import { amount, count, longDay } from './words.js';

export class BatteryHealth {
  #context;
  #cards = new Map();
  #capacity = new BatteryCapacityChart();
  #efficiency = new BatteryBars({
    label: t('battery_efficiency_chart'),
    items: [{ key: 'value', name: t('battery_fig_efficiency'), colour: 'soc' }],
    height: 260,
    unit: '%',
    write: (value) => amount(value, 1, '%'),
    isAround: true,
    steps: [1, 3, 6, 12],
  });
  #depth = new BatteryBars({
    label: t('battery_depth_chart'),
    items: [{ key: 'value', name: t('battery_swings'), colour: 'soc' }],
    height: 300,
    unit: t('battery_cycles_unit'),
    write: (value) => count(value),
  });
  #heat = new BatteryHeatMap(t('battery_heat_chart'));
  #whatif = new BatteryWhatifChart();

  constructor(context) {
    this.#context = context;
    const charts = {
      capacity: this.#capacity,
      whatif: this.#whatif,
      efficiency: this.#efficiency,
      depth: this.#depth,
      heat: this.#heat,
    };
    for (const [name, chart] of Object.entries(charts)) this.#card(name, chart.element);
    for (const name of ['insights', 'rates', 'jumps', 'unmeasured', 'warranty']) this.#card(name);
    const order = ['capacity', 'unmeasured', 'insights', 'whatif', 'efficiency', 'depth', 'heat', 'rates', 'jumps', 'warranty'];
    const cards = order.map((name) => this.#cards.get(name).card);
    this.made = el('p', { class: 'quiet made' });
    this.element = el('div', { class: 'pair health' }, cards);
    this.#show([]);
  }

  #card(name, chart = null) {
    const id = `battery-${name}`;
    const [reason, more] = [el('p', { class: 'why', hidden: true }), el('div', { class: 'more' })];
    const heading = el('h2', { id }, t(`battery_card_${name}`));
    const card = el('section', { class: `card ${name}-card`, 'aria-labelledby': id }, heading, chart, reason, more);
    this.#cards.set(name, { card, chart, reason, more });
  }

  // Only these cards are there.
  #show(names) {
    for (const [name, { card }] of this.#cards) card.hidden = !names.includes(name);
    this.element.classList.toggle('is-empty', !names.length);
  }

  // Return the result of /v1/battery; null where it was never analysed.
  async load() {
    const result = await this.#context.ask('/v1/battery');
    if (!result?.computed_at) return this.#none(null);
    if (isAbsent(result.figures.capacity_kwh)) return this.#none(result);
    const [events, whatif] = await Promise.all([this.#context.ask('/v1/battery/events'), this.#context.ask('/v1/battery/whatif')]);
    say(this.made, t('battery_as_of', { day: longDay(Date.parse(result.computed_at), this.#context.zone) }));
    this.#show([...this.#cards.keys()].filter((name) => this.#fill(name, result, { events, whatif })));
    return result;
  }

  #none(result) {
    say(this.made, '');
    this.#show([]);
    return result;
  }

  // Return whether there is such a card.
  #fill(name, result, { events, whatif }) {
    const { more } = this.#cards.get(name);
    const { figures, depth, exposure } = result;
    switch (name) {
      case 'capacity': {
        const data = capacityOf(result, events, { zone: this.#context.zone, until: serverNow() });
        const isThere = data.events.length > 0;
        if (isThere) this.#capacity.show(data);
        return isThere && this.#also(name, figures.capacity_kwh);
      }
      case 'efficiency': {
        const months = efficiencyOf(result);
        const isThere = months.some(({ value }) => value !== null);
        if (isThere) this.#efficiency.show(months, t('battery_months', { n: months.length }));
        return isThere;
      }
      case 'depth': {
        if (depth.bands.length) this.#depth.show(depthOf(depth), t('battery_n_swings', { n: count(depth.cycles) }));
        return this.#orReason(name, depth.bands.length > 0, depth);
      }
      case 'heat': {
        if (!exposure.heat_hours.length) return this.#orReason(name, false, exposure);
        this.#heat.show(heatOf(exposure));
        refill(more, el('p', { class: 'quiet' }, exposureWords(exposure)));
        return this.#orReason(name, true, exposure);
      }
      case 'whatif': {
        const points = whatifOf(whatif);
        if (points.length) this.#whatif.show(points);
        return points.length > 0;
      }
      default:
        return this.#fillList(name, result);
    }
  }

  #fillList(name, result) {
    const { more } = this.#cards.get(name);
    const made = {
      insights: () => insightsCard(result.insights),
      rates: () => this.#rates(result),
      jumps: () => (result.jumps.length ? jumpsTable(result.jumps, this.#context.zone) : null),
      unmeasured: () => unmeasuredList(result),
      warranty: () => warrantyWords(result, this.#context),
    }[name]();
    if (made) refill(more, ...[made].flat());
    return Boolean(made);
  }

  #rates(result) {
    const rows = ratesOf(result);
    if (!rows.length) return null;
    const heads = ['battery_power_band', 'battery_charging', 'battery_discharging'];
    return plainTable(t('battery_rates_list'), heads.map((key) => t(key)), rows);
  }

  // Beside a chart of too little for a figure.
  #also(name, figure) {
    const { reason } = this.#cards.get(name);
    if (!isKnown(figure)) say(reason, t('battery_not_measured', { why: wholeReason(figure) }));
    reason.hidden = isKnown(figure);
    return true;
  }

  // In the place of a chart that has nothing to show, why.
  #orReason(name, isThere, figure) {
    const { chart, reason, more } = this.#cards.get(name);
    chart.hidden = !isThere;
    more.hidden = !isThere;
    reason.hidden = isThere;
    if (isThere) return true;
    if (!figure?.reason || isAbsent(figure) || isKnown(figure)) return false;
    say(reason, t('battery_not_measured', { why: wholeReason(figure) }));
    return true;
  }
}
