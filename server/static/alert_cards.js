// What the System view says where alerts are used: what is open and what to do, the last thirty days a lane a rule, how
// the channels are, and what is silenced.

import { endSilence, serverNow } from './api.js';
import { a, learn, ruleName } from './alert_words.js';
import { el, svg } from './dom.js';
import { plainTable } from './table.js';
import { NONE, count, dayAndTime, duration, said } from './words.js';

const DAY = 86400e3;
const DAYS = 30;
const [WIDTH, LANE] = [720, 18];
// What a reading passes on its way, seen from the server: where one is broken, nothing is known of what lies behind.
const BREAKS = { database: 0, front: 1, line: 2, no_data: 3 };
const BEHIND = Object.fromEntries(
  [
    ['database'],
    ['front', 'cert', 'server_disk', 'backup', 'doctor', 'queries_5xx', 'channel'],
    ['line'],
    ['no_data', 'never_seen', 'backlog', 'spool_disk', 'clock', 'restarts', 'edge_version', 'parked', 'conflict', 'lost'],
    ['p1_no_data'],
  ].flatMap((rules, hop) => rules.map((rule) => [rule, hop])),
);
const MEASURED = 6;
const OF_THE_INVERTER = ['fault_word', 'alarm_word', 'grid_trip'];
let hatchings = 0;

// The cards, once their words are there.
export async function alertCards(context) {
  await learn();
  return new AlertCards(context);
}

class AlertCards {
  #context;
  #open = el('div', {});
  #days = el('div', {});
  #channels = el('div', {});
  #silences = el('div', {});

  constructor(context) {
    this.#context = context;
    this.element = el(
      'div',
      { class: 'alerts' },
      card(a('alerts'), 'alerts', this.#open),
      card(a('days', { n: DAYS }), 'alert-days', this.#days),
      el(
        'div',
        { class: 'cards' },
        card(a('channels'), 'alert-channels', this.#channels),
        card(a('silences'), 'alert-silences', this.#silences),
      ),
    );
  }

  // Returns what is open, as well.js takes it.
  async load() {
    const { alerts, channels, silences, last_run_ts: ran, kept } = await this.#context.ask('/v1/alerts');
    const { zone } = this.#context;
    const going = alerts.filter(({ closed_at: end }) => !end);
    const late = ran && (kept ?? serverNow()) - Date.parse(ran) > 10 * 60e3;
    this.#open.replaceChildren(
      late ? el('p', { class: 'notice' }, a('not_run', { at: dayAndTime(Date.parse(ran), zone) })) : '',
      going.length
        ? el(
            'ul',
            { class: 'gaps open-alerts' },
            going.map((alert) => openItem(alert, zone)),
          )
        : late ? '' : quiet(a('none_open')),
    );
    this.#days.replaceChildren(...(alerts.length ? lanes(alerts, zone) : [quiet(a('none_lately'))]));
    this.#channels.replaceChildren(
      channels.length ? channelTable(channels, zone) : quiet(a('no_channel')),
    );
    this.#showSilences(silences);
    return going.filter(({ severity }) => severity !== 'info').map(inWords);
  }

  #showSilences(silences) {
    const { zone } = this.#context;
    const items = silences.map((silence) => {
      const until = a('until', { at: dayAndTime(Date.parse(silence.to), zone) });
      const whose = silence.device_id ? '' : ` (${a('all_houses')})`;
      const rule = silence.rule ? `, ${ruleName(silence.rule)}` : '';
      const words = el('span', {}, el('bdi', {}, silence.why), `${whose}${rule}`);
      return el('li', {}, el('bdi', { class: 'span' }, until), words, this.#endButton(silence));
    });
    this.#silences.replaceChildren(
      items.length ? el('ul', { class: 'gaps silences' }, items) : quiet(a('no_silence')),
    );
  }

  // One of all houses is ended by the command alone.
  #endButton(silence) {
    if (!silence.device_id) return null;
    const button = el('button', { type: 'button', 'aria-label': said(a('end'), silence.why) }, a('end'));
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        await endSilence(silence.id);
        await this.load();
      } catch (error) {
        button.disabled = false;
        this.#silences.append(el('p', { class: 'notice', role: 'status' }, error.message));
      }
    });
    return button;
  }
}

function inWords({ title, rule, key }) {
  return { words: title ?? ruleName(rule), echoes: OF_THE_INVERTER.includes(rule) && Number(key) };
}

const quiet = (words) => el('p', { class: 'quiet' }, words);

function card(title, id, content) {
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), content);
}

function openItem(alert, zone) {
  const since = Date.parse(alert.since);
  const ago = duration((serverNow() - since) / 1000);
  return el(
    'li',
    { class: `is-${alert.severity}` },
    el('strong', {}, el('bdi', {}, alert.title ?? ruleName(alert.rule))),
    el('span', { class: 'quiet' }, `${a(alert.severity)} · ${a('since', { at: dayAndTime(since, zone), ago })}`),
    alert.text ? el('p', { class: 'alert-text' }, alert.text) : null,
  );
}

// Oldest at the left; a rule is a lane, with the gravest first.
function lanes(alerts, zone) {
  const end = serverNow();
  const begin = end - DAYS * DAY;
  const spans = alerts.map((alert) => ({
    ...alert,
    from: Math.max(Date.parse(alert.since), begin),
    to: alert.closed_at ? Date.parse(alert.closed_at) : end,
  }));
  const rules = [...new Set(spans.map(({ rule }) => rule))].sort((one, other) => place(one) - place(other));
  const rows = rules.map((rule) => lane(rule, spans, begin, end));
  const list = [...spans]
    .reverse()
    .map(({ rule, title, since, closed_at: closed }) => [
      el('bdi', {}, title ?? ruleName(rule)),
      dayAndTime(Date.parse(since), zone),
      closed ? dayAndTime(Date.parse(closed), zone) : a('now'),
    ]);
  const table = plainTable(said(a('days', { n: DAYS }), a('list')), [a('what'), a('from'), a('to')], list);
  return [
    el('div', { class: 'lanes' }, rows),
    el('p', { class: 'quiet lane-key' }, el('span', { class: 'hatched' }), a('unknown')),
    el('details', {}, el('summary', {}, a('list')), table),
  ];
}

const place = (rule) => BEHIND[rule] ?? MEASURED;

// What lay behind a broken hop: nobody knows how it was.
export function unknownSpans(rule, spans) {
  return spans.filter((span) => span.rule in BREAKS && BREAKS[span.rule] < place(rule));
}

function lane(rule, spans, begin, end) {
  const own = spans.filter((span) => span.rule === rule);
  const x = (ms) => ((ms - begin) / (end - begin)) * WIDTH;
  const bar = (className, fill) => (span) =>
    svg('rect', {
      x: x(span.from).toFixed(2),
      y: 2,
      width: Math.max(x(span.to) - x(span.from), 2).toFixed(2),
      height: LANE - 4,
      class: className(span),
      fill,
    });
  const id = `hatch-${(hatchings += 1)}`;
  const label = said(ruleName(rule), a('times', { n: own.length }));
  return el(
    'div',
    { class: 'lane' },
    el('span', { class: 'lane-name' }, ruleName(rule)),
    svg(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${LANE}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
      svg(
        'pattern',
        { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        svg('rect', { width: 2, height: 6, class: 'hatch' }),
      ),
      svg('rect', { width: WIDTH, height: LANE, class: 'lane-ground' }),
      unknownSpans(rule, spans).map(bar(() => 'lane-unknown', `url(#${id})`)),
      own.map(bar(({ severity }) => `lane-${severity}`)),
    ),
    el('span', { class: 'quiet lane-count' }, count(own.length)),
  );
}

function channelTable(channels, zone) {
  const rows = channels.map((one) => [
    one.channel,
    a(one.broken ? 'broken' : 'works'),
    one.last_success_ts ? dayAndTime(Date.parse(one.last_success_ts), zone) : NONE,
    count(one.waiting),
    count(one.given_up),
  ]);
  const heads = [a('channel'), a('state'), a('last_success'), a('waiting'), a('given_up')];
  return plainTable(said(a('channels'), a('list')), heads, rows);
}
