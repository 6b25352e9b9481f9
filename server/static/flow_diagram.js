// The four nodes and what flows between them now: width and direction of each arrow follow the power.

import { el, say, set, svg } from './dom.js';
import { flows } from './flows.js';
import { FEEDS_IN, NONE, percent, power, signedPower } from './words.js';

// From, to, the line, and its middle: where the arrow is and which way it points, in degrees.
const LINES = [
  ['solar', 'grid', 'M166 92V112Q166 136 142 136H94', 120, 136, 180],
  ['solar', 'house', 'M194 92V112Q194 136 218 136H266', 240, 136, 0],
  ['solar', 'battery', 'M180 94V206', 180, 122, 90],
  ['grid', 'house', 'M96 150H264', 136, 150, 0],
  ['grid', 'battery', 'M94 164H142Q166 164 166 188V208', 166, 190, 90],
  ['battery', 'grid', 'M166 208V188Q166 164 142 164H94', 120, 164, 180],
  ['battery', 'house', 'M194 208V188Q194 164 218 164H266', 240, 164, 0],
];
const COLOURS = { grid: 'export', battery: 'charge' }; // by where it goes, to the house by its source
const SOURCES = { solar: 'solar', battery: 'discharge', grid: 'import' };
const NODES = { solar: [180, 50], grid: [50, 150], house: [310, 150], battery: [180, 250] };
const RING = 2 * Math.PI * 42;
const THIN = 1.5;

export class FlowDiagram {
  #lines = [];
  #nodes = {};
  #ring = [];

  constructor() {
    this.svg = svg('svg', { viewBox: '0 0 360 300', class: 'flow', role: 'img' });
    for (const [from, to, path, x, y, angle] of LINES) this.#line(from, to, path, x, y, angle);
    for (const [name, [x, y]] of Object.entries(NODES)) this.#node(name, x, y);
    this.note = el('p', { class: 'quiet flow-note' });
    this.element = el('div', { class: 'flow-box' }, this.svg, this.note);
    this.show(null, {});
  }

  // A reading as /v1/realtime gives it, or null; facts of the device as /v1/devices has them.
  show(reading, facts) {
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
      say(node.extra, extra);
    }
    this.#drawRing(flow);
    say(this.note, reading ? noteOn(reading, flow, facts.has_meter) : '');
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
    const nothing = { word: facts.has_meter ? 'not read' : 'no meter', isUnknown: true };
    return {
      solar: { value: power(reading.pv_power_w) },
      house: load === null ? nothing : { value: signedPower(load), word: load <= -5 ? 'feeding in' : '' },
      battery: noBattery
        ? { word: 'none' }
        : { value: power(battery), word: batteryWord(battery), extra: percent(soc) },
      grid:
        out === null
          ? nothing
          : { value: power(out), word: Math.abs(out) < 5 ? 'idle' : out > 0 ? 'exporting' : 'importing' },
    };
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
    const width = on ? Math.min(THIN + size / 500, 11) : THIN;
    const [angle, colour] = on && watts < 0 ? [along + 180, 'house'] : [along, usual];
    set(line, {
      class: `line stroke-${colour}`,
      'stroke-width': width.toFixed(1),
      'data-w': Math.round(watts),
    });
    set(arrow, { class: `arrow fill-${colour}` });
    line.classList.toggle('off', !on);
    arrow.classList.toggle('off', !on);
    const scale = 0.8 + width / 10;
    set(arrow, { transform: `translate(${x} ${y}) rotate(${angle}) scale(${scale.toFixed(2)})` });
  }

  #node(name, x, y) {
    const text = (dy, type) => svg('text', { x, y: y + dy, class: type });
    const node = { word: text(16, 'word'), value: text(2, 'value'), extra: text(30, 'word strong') };
    const title = text(-15, 'name');
    title.append(name === 'house' ? 'House' : name[0].toUpperCase() + name.slice(1));
    node.circle = svg('circle', { cx: x, cy: y, r: 42, class: `node stroke-${SOURCES[name] ?? 'house'}` });
    this.svg.append(node.circle);
    if (name === 'house') this.#addRing(x, y);
    this.svg.append(title, node.value, node.word, node.extra);
    this.#nodes[name] = node;
  }

  #addRing(x, y) {
    for (const source of Object.keys(SOURCES)) {
      const arc = svg('circle', {
        cx: x,
        cy: y,
        r: 42,
        class: `node arc stroke-${SOURCES[source]}`,
        transform: `rotate(-90 ${x} ${y})`,
      });
      this.svg.append(arc);
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

function noteOn({ load_power_w: load, export_power_w: out }, flow, hasMeter) {
  if (load !== null && load <= -5) return FEEDS_IN;
  if (flow) return '';
  if (load === null || out === null) {
    return hasMeter
      ? 'Grid or house were not read just now, so no arrows are drawn.'
      : 'Without a grid meter nobody knows where the power goes, so no arrows are drawn.';
  }
  return 'Which way the battery’s power flows cannot be told from this reading, so no arrows are drawn.';
}

function batteryWord(watts) {
  if (watts === null) return 'direction?';
  if (Math.abs(watts) < 5) return 'idle';
  return watts > 0 ? 'charging' : 'discharging';
}

function describe(shown) {
  const parts = Object.entries(shown).map(([name, { value = '', word = '', extra = '' }]) =>
    [name, word, value, extra].filter(Boolean).join(' '),
  );
  return parts.length ? `Power now: ${parts.join(', ')}` : 'Power now: no reading yet';
}
