// Starts the page: login, the choice of device, and the view that the address names. Every view is an
// address, so that it can be kept, sent, and left by Back.

import { address, ask, isLoggedIn, isRefused, load, logOut, pair, serverNow, trouble, wake } from './api.js';
import { el, say } from './dom.js';
import { Frame, unknownHouse, unloaded } from './frame.js';
import { hasWords, t } from './language.js';
import { Live } from './live.js';
import { heard } from './meter.js';
import { remembered } from './remember.js';
import { Ticker } from './ticker.js';
import { isOutdated, loadAgain, watch } from './upgrade.js';
import { tabOf } from './views.js';
import { dateOf, isDate, knownZone } from './zone.js';

const AGAIN_MS = 5000;
const LATER_MS = 3000; // the first view comes first
const byId = (id) => document.getElementById(id);
const main = byId('main');
const ticker = new Ticker();
const frame = new Frame({ logOut: leave, go });

let devices = [];
let view = null;
let calledOff = null; // ends what the view before has asked for
const live = new Live({ begun: start, ended: showLogin, recovered: route });

function asked() {
  const query = new URLSearchParams(location.search);
  const name = query.get('view') ?? (query.has('from') || query.has('span') ? 'range' : 'now');
  const id = query.get('device');
  const device = id === null ? usual() : devices.find((one) => one.device_id === id);
  return {
    name: device && tabOf(device, name) ? name : 'now',
    date: isDate(query.get('date')) ? query.get('date') : null,
    device,
    unknown: id,
    query,
  };
}

// Of several, the one that was chosen last, or else the first that has sent anything.
function usual() {
  const last = devices.find((one) => one.device_id === remembered('device'));
  return last ?? devices.find(({ first_ts: first }) => first) ?? devices[0];
}

function context(device, { date, query }) {
  const zone = knownZone(device.timezone);
  const { signal } = calledOff;
  const [first] = [device.first_ts, device.p1_first_ts].filter(Boolean).sort();
  const id = device.device_id;
  const parameters = (more) => ({ ...more, device_id: id });
  const kept = new Map(); // by path, when the server gave what was kept of it
  const here = {
    device,
    zone,
    date,
    query, // of the address
    isKiosk: query.has('kiosk'),
    firstDate: first ? dateOf(Date.parse(first), zone) : null,
    today: () => dateOf(serverNow(), zone),
    ask: async (path, more) => {
      const answer = heard(await ask(path, parameters(more), signal), device);
      if (answer.kept) kept.set(path, answer.kept);
      else kept.delete(path);
      live.sayAway(here);
      return here.p1?.marked(answer) ?? answer;
    },
    // Of when the oldest is of what this browser kept; null where the server answers.
    get keptMs() {
      return kept.size ? Math.min(...kept.values()) : null;
    },
    csv: (more) => address('/v1/series', parameters({ ...more, format: 'csv' })),
    // {view, date, ...whatever else the view reads from `query`}
    link: (to) => linkTo({ device: id, kiosk: here.isKiosk ? '' : null, ...to }),
    go,
    // The same view under another address, without a new entry for Back.
    replace: (href) => history.replaceState(history.state, '', href),
    failed,
    reload: route,
  };
  return here;
}

function linkTo({ view: name, device, ...more }) {
  return address('/', {
    view: name === 'now' ? null : name,
    ...more,
    device: devices.length > 1 ? device : null,
  });
}

function go(href) {
  if (isOutdated()) {
    loadAgain(href);
    return;
  }
  keepPlace();
  history.pushState({ y: 0 }, '', href);
  if (!document.activeElement?.dataset.keep) scrollTo(0, 0);
  route();
}

// Back leads to where one was.
const keepPlace = () => history.replaceState({ y: scrollY }, '');

// A session that has ended shows the login; other troubles each view shows itself.
function failed(error) {
  if (error.status === 401) showLogin();
}

async function route(place = null) {
  const target = asked();
  const kept = document.activeElement?.dataset.keep;
  calledOff?.abort();
  calledOff = new AbortController();
  if (!target.device) {
    showUnknown(target.unknown);
    return;
  }
  const here = context(target.device, target);
  const { signal } = calledOff;
  frame.show(target.name, here, devices);
  watch(here.isKiosk);
  const chosen = await viewOf(target.name, here);
  if (signal.aborted) return;
  show(chosen, kept);
  ticker.start([...live.jobs, ...chosen.jobs]);
  await Promise.all([live.follow(here, chosen), chosen.load()]);
  if (signal.aborted) return;
  if (place !== null) scrollTo(0, place);
  setTimeout(() => withoutNetwork(({ keepAll }) => keepAll(here.isKiosk)), LATER_MS);
}

// What lets the page open without a network has no part in the first view.
async function withoutNetwork(use) {
  try {
    await use(await load(() => import('./offline.js')));
  } catch (thrown) {
    trouble(thrown); // then it does not open without one
  }
}

async function viewOf(name, here) {
  try {
    here.p1 = here.device.p1_first_ts ? await load(() => import('./grid_source.js')) : null;
    return await tabOf(here.device, name).views[name](here, here.date);
  } catch (thrown) {
    return unloaded(trouble(thrown));
  }
}

function showUnknown(id) {
  ticker.stop();
  live.stop();
  frame.hide();
  byId('logout').hidden = false;
  show(unknownHouse(id, devices, (device) => linkTo({ device })));
}

function show(next, kept) {
  const isFirst = view === null;
  view = next;
  document.title = t('title', { view: next.title });
  main.replaceChildren(next.element);
  if (next.jobs && !next.isLogin) frame.showFoot();
  if (isFirst) return;
  // Someone who pages by keyboard stays on the arrow; after another link the new heading is next.
  const again = kept && document.querySelector(`[data-keep="${kept}"]`);
  (again || main.querySelector('h1'))?.focus({ preventScroll: true });
}

async function showLogin(why = '') {
  ticker.stop();
  calledOff?.abort();
  frame.hide();
  live.stop();
  withoutNetwork(({ forgetAll }) => forgetAll());
  const { LoginView } = await load(() => import('./login_view.js'));
  if (view?.isLogin) return; // several requests may find the session over at once
  show(new LoginView(start, why));
  view.load();
}

async function leave() {
  try {
    await logOut();
    history.replaceState(null, '', '/');
    showLogin();
  } catch (thrown) {
    say(byId('announcer'), t('not_logged_out', { why: trouble(thrown).message }));
  }
}

async function start() {
  ({ devices } = await ask('/v1/devices'));
  await route();
}

// A link of the server logs in: its code follows a #, which no browser sends along, and is good once.
async function paired() {
  const code = /^#pair=(.+)$/.exec(location.hash)?.[1];
  if (!code) return '';
  history.replaceState(null, '', location.pathname + location.search);
  try {
    await pair(decodeURIComponent(code));
    document.body.dataset.loggedIn = 'yes';
    return '';
  } catch (thrown) {
    const { status, message } = trouble(thrown);
    return [401, 404, 410].includes(status) ? t('pair_used') : t('pair_failed', { why: message });
  }
}

// At the first moment the server may be away: then say so, and try until it is there.
async function begin() {
  if (!hasWords()) {
    setTimeout(() => location.reload(), AGAIN_MS); // the module of words was not to be had
    return null;
  }
  try {
    const why = await paired();
    const known = document.body.dataset.loggedIn === 'yes' || (await isLoggedIn());
    if (!known) return await showLogin(why);
    return await start();
  } catch (thrown) {
    const error = trouble(thrown);
    if (error.status === 401) return await showLogin();
    const words = t(isRefused(error) ? 'nothing_shown' : 'nothing_shown_yet', { why: error.message });
    main.replaceChildren(el('p', { class: 'card', role: 'alert' }, words));
    return isRefused(error) ? null : setTimeout(begin, AGAIN_MS);
  }
}

// Who comes back, from another window or after a night, first sees how old all is; then it is asked.
function woken() {
  const isKiosk = document.body.classList.contains('kiosk');
  watch(isKiosk);
  if (!document.hidden) {
    if (isKiosk) withoutNetwork(({ keepAll }) => keepAll(true)); // a hidden screen may go off
    live.wake();
    wake();
  }
  ticker.visibilityChanged();
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="/?"], a[href="/"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});
history.scrollRestoration = 'manual';
window.addEventListener('popstate', ({ state }) => route(state?.y ?? null));
window.addEventListener('pageshow', ({ persisted }) => persisted && woken());
window.addEventListener('online', woken);
document.addEventListener('visibilitychange', woken);

if (!document.documentElement.dataset.tooOld) begin();
