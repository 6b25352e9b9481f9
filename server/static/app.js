// Starts the page: login, the choice of device, and the view that the address names. Every view is an
// address, so that it can be kept, sent, and left by Back.

import { address, ask, isLoggedIn, isRefused, load, logOut, serverNow, trouble } from './api.js';
import { DayView } from './day_view.js';
import { el, say } from './dom.js';
import { Live } from './live.js';
import { heard } from './meter.js';
import { Ticker } from './ticker.js';
import { dateOf, isDate, knownZone } from './zone.js';

const VIEWS = {
  now: 'Now',
  day: 'Day',
  month: 'Month',
  year: 'Year',
  all: 'All',
  capacity: 'Capacity', // of a house with a P1 meter
  system: 'System',
};
const byId = (id) => document.getElementById(id);
const main = byId('main');
const ticker = new Ticker();

let devices = [];
let view = null;
let calledOff = null; // ends what the view before has asked for
const live = new Live({ begun: start, ended: showLogin });

function asked() {
  const query = new URLSearchParams(location.search);
  const name = query.get('view') ?? 'now';
  const device = devices.find(({ device_id: id }) => id === query.get('device')) ?? devices[0];
  return {
    name: viewsOf(device).includes(name) ? name : 'now',
    date: isDate(query.get('date')) ? query.get('date') : null,
    device,
  };
}

const viewsOf = ({ p1_first_ts: p1 }) => Object.keys(VIEWS).filter((name) => p1 || name !== 'capacity');

function context(device) {
  const zone = knownZone(device.timezone);
  const { signal } = calledOff;
  const [first] = [device.first_ts, device.p1_first_ts].filter(Boolean).sort();
  const id = device.device_id;
  const parameters = (more) => ({ ...more, device_id: id });
  const here = {
    device,
    zone,
    firstDate: first ? dateOf(Date.parse(first), zone) : null,
    today: () => dateOf(serverNow(), zone),
    ask: async (path, more) => {
      const answer = heard(await ask(path, parameters(more), signal), device);
      return here.p1?.marked(answer) ?? answer;
    },
    csv: (more) => address('/v1/series', parameters({ ...more, format: 'csv' })),
    link: ({ view: name, date }) => linkTo(id, name, date),
    go,
    failed,
    reload: route,
  };
  return here;
}

function linkTo(id, name, date) {
  return address('/', { view: name === 'now' ? null : name, date, device: devices.length > 1 ? id : null });
}

function go(href) {
  history.pushState(null, '', href);
  if (!document.activeElement?.dataset.keep) scrollTo(0, 0);
  route();
}

// A session that has ended shows the login; other troubles each view shows itself.
function failed(error) {
  if (error.status === 401) showLogin();
}

async function route() {
  const { name, date, device } = asked();
  const kept = document.activeElement?.dataset.keep;
  calledOff?.abort();
  calledOff = new AbortController();
  const here = context(device);
  const { signal } = calledOff;
  showFrame(name, here);
  const chosen = await viewOf(name, here, date);
  if (signal.aborted) return;
  show(chosen, kept);
  ticker.start([...live.jobs, ...chosen.jobs]);
  await Promise.all([live.follow(here, chosen), chosen.load()]);
}

// Now is there from the start; what the others need is loaded with their first use.
async function viewOf(name, here, date) {
  try {
    here.p1 = here.device.p1_first_ts ? await load(() => import('./grid_source.js')) : null;
    if (name === 'now') return new DayView(here, null);
    if (name === 'day') {
      const { periodNav } = await load(() => import('./period_nav.js'));
      return new DayView(here, date ?? here.today(), periodNav);
    }
    if (name === 'capacity') {
      return new (await load(() => import('./capacity_view.js'))).CapacityView(here, date);
    }
    if (name === 'system') return await (await load(() => import('./system_view.js'))).systemView(here);
    return new (await load(() => import('./period_view.js'))).PeriodView(here, name, date);
  } catch (thrown) {
    return unloaded(trouble(thrown));
  }
}

function unloaded(error) {
  const again = el('button', { type: 'button', click: () => location.reload() }, 'Try again');
  const words = el('p', {}, `This view could not be loaded: ${error.message}.`);
  const element = el(
    'div',
    { class: 'card', role: 'alert' },
    el('h1', { tabindex: -1 }, 'Not loaded'),
    words,
    again,
  );
  return { title: 'Not loaded', element, jobs: [], load: () => null };
}

function show(next, kept) {
  const isFirst = view === null;
  view = next;
  document.title = `${next.title} – Solar`;
  main.replaceChildren(next.element);
  if (isFirst) return;
  // Someone who pages by keyboard stays on the arrow; after another link the new heading is next.
  const again = kept && document.querySelector(`[data-keep="${kept}"]`);
  (again || main.querySelector('h1')).focus({ preventScroll: true });
}

function showFrame(name, here) {
  for (const id of ['views', 'logout', 'formulas']) byId(id).hidden = false;
  byId('views').replaceChildren(
    ...viewsOf(here.device).map((key) =>
      el(
        'a',
        {
          href: here.link({ view: key }),
          'aria-current': key === name ? 'page' : null,
          'data-keep': `view-${key}`,
        },
        VIEWS[key],
      ),
    ),
  );
  const chooser = byId('chooser');
  chooser.hidden = devices.length < 2;
  const select = chooser.querySelector('select');
  select.replaceChildren(
    ...devices.map(({ device_id: id }) =>
      el('option', { value: id, selected: id === here.device.device_id }, id),
    ),
  );
  select.onchange = () => go(linkTo(select.value, name, asked().date));
  say(byId('device-name'), devices.length < 2 ? here.device.device_id : 'Solar');
}

async function showLogin() {
  ticker.stop();
  calledOff?.abort();
  for (const id of ['views', 'logout', 'formulas', 'chooser']) byId(id).hidden = true;
  live.stop();
  say(byId('device-name'), 'Solar');
  const { LoginView } = await load(() => import('./login_view.js'));
  if (view?.isLogin) return; // several requests may find the session over at once
  show(new LoginView(start));
  view.load();
}

async function start() {
  ({ devices } = await ask('/v1/devices'));
  await route();
}

// At the first moment the server may be away: then say so, and try until it is there.
async function begin() {
  try {
    const known = document.body.dataset.loggedIn === 'yes' || (await isLoggedIn());
    if (!known) return await showLogin();
    return await start();
  } catch (thrown) {
    const error = trouble(thrown);
    if (error.status === 401) return await showLogin();
    const words = isRefused(error)
      ? `Nothing can be shown: ${error.message}.`
      : `Nothing can be shown yet: ${error.message}. Trying again.`;
    main.replaceChildren(el('p', { class: 'card', role: 'alert' }, words));
    return isRefused(error) ? null : setTimeout(begin, 5000);
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="/?"], a[href="/"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute('href'));
});
window.addEventListener('popstate', route);
document.addEventListener('visibilitychange', () => ticker.visibilityChanged());
byId('logout').addEventListener('click', async () => {
  try {
    await logOut();
    history.replaceState(null, '', '/');
    showLogin();
  } catch (thrown) {
    say(byId('announcer'), `Not logged out: ${trouble(thrown).message}`);
  }
});

if (!document.documentElement.dataset.tooOld) begin();
