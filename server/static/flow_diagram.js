// The four nodes and what flows between them now: width and direction of each arrow follow the power.

import { el, say, set, svg } from './dom.js';
import { flows } from './flows.js';
import { t } from './language.js';
import { FEEDS_IN, NONE, percent, power, signedPower } from './words.js';

// From, to, the line, and its middle: where the arrow is and which way it points, in degrees.
const LINES = [
  ['solar', 'grid', 'M166 100V120Q166 144 142 144H102', 124, 144, 180],
  ['solar', 'house', 'M194 100V120Q194 144 218 144H258', 236, 144, 0],
  ['solar', 'battery', 'M180 102V214', 180, 126, 90],
  ['grid', 'house', 'M102 158H258', 140, 158, 0],
  ['grid', 'battery', 'M102 172H142Q166 172 166 196V216', 166, 198, 90],
  ['battery', 'grid', 'M166 216V196Q166 172 142 172H102', 124, 172, 180],
  ['battery', 'house', 'M194 216V196Q194 172 218 172H258', 236, 172, 0],
];
const COLOURS = { grid: 'export', battery: 'charge' }; // by where it goes, to the house by its source
const SOURCES = { solar: 'solar', battery: 'discharge', grid: 'import' };
const NODES = { solar: [180, 52], grid: [52, 158], house: [308, 158], battery: [180, 264] };
const RADIUS = 48;
const RING = 2 * Math.PI * RADIUS;
const LONG = 11; // letters: so long a word is narrowed to the circle
const WORD_WIDE = 78;
const THIN = 1.5;
const BY_ROOT_KW = 2.3; // px: so that of 28 kW, too, two flows look different

export class FlowDiagram {
  #lines = [];
  #nodes = {};
  #ring = [];

  // hasBattery: whether there may be one, which needs room from the start.
  constructor(hasBattery = true) {
    this.svg = svg('svg', { viewBox: `0 0 360 ${hasBattery ? 316 : 212}`, class: 'flow', role: 'img' });
    for (const [from, to, path, x, y, angle] of LINES) this.#line(from, to, path, x, y, angle);
    for (const [name, [x, y]] of Object.entries(NODES)) this.#node(name, x, y);
    this.note = el('p', { class: 'quiet flow-note' });
    this.element = el('div', { class: 'flow-box' }, this.svg, this.note);
    this.show(null, { has_battery: hasBattery });
  }

  // A reading as /v1/realtime gives it, or null; facts: {has_meter, without_meter, has_battery}. Of what the house does
  // not have nothing is drawn.
  show(reading, facts) {
    const isThere = { solar: true, battery: facts.has_battery, grid: !facts.without_meter, house: !facts.without_meter };
    for (const { from, to, line, arrow } of this.#lines)
      for (const node of [line, arrow]) set(node, { hidden: !(isThere[from] && isThere[to]) });
    for (const [name, { group }] of Object.entries(this.#nodes)) set(group, { hidden: !isThere[name] });
    const flow = reading && flows(reading);
    const back = flow && fromHouse(reading, flow);
    for (const line of this.#lines) {
      const watts = flow?.[`${line.from}_to_${line.to}`] ?? 0;
      const against = line.to === 'house' && watts < 5 ? (back?.[line.from] ?? 0) : 0;
      this.#draw(line, against >= 5 ? -against : watts);
    }
    const shown = reading ? this.#values(reading, facts) : {};
    for (const [name, node] of Object.entries(this.#nodes)) {
      const { value = NONE, word = '', extra = '', isUnknown = false } = shown[name] ?? {};
      node.circle.classList.toggle('unknown', isUnknown);
      say(node.value, value);
      say(node.word, word);
      const isLong = word.length >= LONG;
      set(node.word, { textLength: isLong ? WORD_WIDE : null, lengthAdjust: isLong ? 'spacingAndGlyphs' : null });
      say(node.extra, extra);
      set(node.texts, { transform: `translate(0 ${extra ? 0 : word ? 4 : 10})` }); // in the middle of the circle
    }
    this.#drawRing(flow);
    say(this.note, reading ? noteOn(reading, flow, facts) : '');
    this.note.hidden = !this.note.textContent;
    set(this.svg, { 'aria-label': describe(shown) });
  }

  #values(reading, facts) {
    const {
      battery_power_w: battery,
      battery_soc_pct: soc,
      load_power_w: load,
      export_power_w: out,
    } = reading;
    const noBattery = battery === null && soc === null;
    const nothing = { word: t(facts.has_meter ? 'flow_not_read' : 'flow_no_meter'), isUnknown: true };
    const shown = {
      solar: { value: power(reading.pv_power_w) },
      house: load === null ? nothing : { value: signedPower(load), word: load <= -5 ? t('flow_feeding_in') : '' },
      battery: noBattery
        ? { word: t('flow_none') }
        : { value: power(battery), word: batteryWord(battery), extra: percent(soc) },
      grid:
        out === null
          ? nothing
          : { value: power(out), word: gridWord(out) },
    };
    if (!facts.has_battery) delete shown.battery;
    for (const name of facts.without_meter ? ['house', 'grid'] : []) delete shown[name];
    return shown;
  }

  #line(from, to, path, x, y, angle) {
    const colour = to === 'house' ? SOURCES[from] : COLOURS[to];
    const line = svg('path', { d: path });
    const arrow = svg('path', { d: 'M-6 -7L7 0L-6 7Z' });
    this.svg.append(line, arrow);
    this.#lines.push({ from, to, line, arrow, x, y, angle, colour });
  }

  // Less than 0 W: against the line, out of the house.
  #draw({ line, arrow, x, y, angle: along, colour: usual }, watts) {
    const size = Math.abs(watts);
    const on = size >= 5;
    const width = on ? Math.min(THIN + BY_ROOT_KW * Math.sqrt(size / 1000), 15) : THIN;
    const [angle, colour] = on && watts < 0 ? [along + 180, 'house'] : [along, usual];
    set(line, {
      class: `line stroke-${colour}`,
      'stroke-width': width.toFixed(1),
      'data-w': Math.round(watts),
    });
    set(arrow, { class: `arrow fill-${colour}` });
    line.classList.toggle('off', !on);
    arrow.classList.toggle('off', !on);
    const scale = 0.8 + width / 9;
    set(arrow, { transform: `translate(${x} ${y}) rotate(${angle}) scale(${scale.toFixed(2)})` });
  }

  #node(name, x, y) {
    const text = (dy, type) => svg('text', { x, y: y + dy, class: type });
    const node = { word: text(18, 'word'), value: text(2, 'value'), extra: text(35, 'word strong') };
    const title = text(-18, 'name');
    title.append(t(name));
    node.circle = svg('circle', { cx: x, cy: y, r: RADIUS, class: `node stroke-${SOURCES[name] ?? 'house'}` });
    node.group = svg('g', {}, node.circle);
    if (name === 'house') this.#addRing(node.group, x, y);
    node.texts = svg('g', {}, title, node.value, node.word, node.extra);
    node.group.append(node.texts);
    this.svg.append(node.group);
    this.#nodes[name] = node;
  }

  #addRing(group, x, y) {
    for (const source of Object.keys(SOURCES)) {
      const arc = svg('circle', {
        cx: x,
        cy: y,
        r: RADIUS,
        class: `node arc stroke-${SOURCES[source]}`,
        transform: `rotate(-90 ${x} ${y})`,
      });
      group.append(arc);
      this.#ring.push([source, arc]);
    }
  }

  // The house's ring shows where its power comes from.
  #drawRing(flow) {
    const parts = this.#ring.map(([source]) => flow?.[`${source}_to_house`] ?? 0);
    const all = parts.reduce((a, b) => a + b, 0);
    let from = 0;
    this.#ring.forEach(([, arc], index) => {
      const length = all > 0 ? (parts[index] / all) * RING : 0;
      set(arc, {
        'stroke-dasharray': `${length.toFixed(1)} ${RING.toFixed(1)}`,
        'stroke-dashoffset': (-from).toFixed(1),
      });
      arc.classList.toggle('off', length < 0.5);
      from += length;
    });
  }
}

// Where the power of another generator in the house goes: what the known sources leave of export and charge.
function fromHouse({ load_power_w: load, export_power_w: out, battery_power_w: battery }, flow) {
  const grid = Math.max(0, Math.min(-load, out - flow.solar_to_grid - flow.battery_to_grid));
  const charged = (battery ?? 0) - flow.solar_to_battery - flow.grid_to_battery;
  return { grid, battery: Math.max(0, Math.min(-load - grid, charged)) };
}

function noteOn({ load_power_w: load, export_power_w: out }, flow, { has_meter: hasMeter, without_meter: without }) {
  if (load !== null && load <= -5) return FEEDS_IN;
  if (flow || without) return '';
  if (load === null || out === null) return t(hasMeter ? 'flow_note_unread' : 'flow_note_no_meter');
  return t('flow_note_direction');
}

function gridWord(watts) {
  if (Math.abs(watts) < 5) return t('flow_idle');
  return t(watts > 0 ? 'flow_exporting' : 'flow_importing');
}

function batteryWord(watts) {
  if (watts === null) return t('flow_which_way');
  if (Math.abs(watts) < 5) return t('flow_idle');
  return t(watts > 0 ? 'flow_charging' : 'flow_discharging');
}

function describe(shown) {
  const parts = Object.entries(shown).map(([name, { value = '', word = '', extra = '' }]) =>
    [t(name), word, value, extra].filter(Boolean).join(' '),
  );
  return parts.length ? t('power_now', { parts: parts.join(', ') }) : t('power_now_none');
}
