// Talks to the server. The session is a cookie that no script can read.

import { t } from './language.js';
import { note, noted } from './remember.js';

const TIMEOUT_MS = 15000;
const AGAIN_MS = 60e3;
const OWN_VERSION = document.body?.dataset.files; // of the page's files
let aheadMs = 0; // how far the server's clock is ahead of this machine's
let versionOfServer = OWN_VERSION;
let alertsOpen = null;
const underWay = new Set(); // for each request without an answer yet, what sends it once more

export class ApiError extends Error {
  constructor(status, detail, retryAfterS) {
    super(typeof detail === 'string' ? detail : (detail?.[0]?.msg ?? t('status', { status })));
    this.status = status; // 0: no answer at all
    this.retryAfterS = retryAfterS;
  }
}

// Whether the server says that the question is wrong: asked again, it would be just as wrong.
export const isRefused = ({ status }) => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

// The version of the page's files that the server has by now, where that is not this page's; else null.
export const newerVersion = () => (versionOfServer === OWN_VERSION ? null : versionOfServer);

// How many alerts are open, as the newest reading said; null where nobody uses alerts, or nobody was asked yet.
export const openAlerts = () => alertsOpen;

// After sleep nothing comes of the requests that were under way: they are sent once more.
export function wake() {
  for (const again of underWay) again();
}

// The present by the server's clock, in ms: this machine's may be wrong.
export const serverNow = () => Date.now() + aheadMs;

export function address(path, parameters = {}) {
  const query = new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null),
  );
  return [path, String(query)].filter(Boolean).join('?');
}

// GET, as JSON; `kept` is when, in ms, where the server did not answer and it is what it answered last. What this
// throws, `trouble` tells apart.
export async function ask(path, parameters, signal) {
  return send(address(path, parameters), {}, signal, async (answer) => {
    try {
      const content = await answer.json();
      const kept = Date.parse(answer.headers.get('X-Kept-At'));
      return kept ? { ...content, kept } : content;
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0, t('broke_off'));
    }
  });
}

// Load a module of the page that the first view does not need; fails as a request does.
export async function load(module) {
  try {
    return await module();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    if (await isOfAnotherVersion()) return new Promise(() => {}); // the page loads again
    throw new ApiError(0, t('cannot_reach'));
  }
}

// A module that cannot be had, or does not fit, from a server that answers is one of another version: once in a while
// the whole page is worth another try.
async function isOfAnotherVersion() {
  const at = Number(noted('loaded_again') ?? 0);
  if (Date.now() - at < AGAIN_MS) return false;
  try {
    await ask('/login');
  } catch {
    return false;
  }
  note('loaded_again', Date.now());
  location.reload();
  return true;
}

// The ApiError that something thrown is; null where the request was called off. A bug is thrown again.
export function trouble(thrown) {
  if (thrown.name === 'AbortError') return null;
  if (!(thrown instanceof ApiError)) throw thrown;
  return thrown;
}

export async function isLoggedIn() {
  return (await ask('/login')).logged_in;
}

export function logIn(token) {
  return send('/login', { method: 'POST', body: new URLSearchParams({ token }) });
}

// A code as the server printed it, good for one login.
export function pair(code) {
  const body = JSON.stringify({ code });
  return send('/pair', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
}

export function endSilence(id) {
  return send(`/v1/silences/${id}`, { method: 'DELETE' });
}

export function logOut() {
  return send('/logout', { method: 'POST' });
}

// What `read` makes of a good answer; given up after a while, or when the signal calls it off; sent once more on waking.
async function send(url, options, signal, read = () => null) {
  for (;;) {
    const request = new AbortController();
    const giveUp = () => request.abort();
    let isWoken = false;
    const again = () => {
      isWoken = !options.method;
      if (isWoken) giveUp();
    };
    const timer = setTimeout(giveUp, TIMEOUT_MS);
    signal?.addEventListener('abort', giveUp);
    underWay.add(again);
    if (signal?.aborted) giveUp();
    try {
      return await read(await answered(url, { ...options, signal: request.signal }));
    } catch (error) {
      if (error.name !== 'AbortError' || signal?.aborted) throw error;
      if (!isWoken) throw new ApiError(0, t('cannot_reach'));
    } finally {
      clearTimeout(timer);
      underWay.delete(again);
      signal?.removeEventListener('abort', giveUp);
    }
  }
}

async function answered(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (options.signal.aborted) throw abortOf(error);
    throw new ApiError(0, t('cannot_reach'));
  }
  const { headers } = answer;
  if (!headers.has('X-Kept-At')) hearServer(headers);
  if (headers.has('X-Alerts-Open')) alertsOpen = Number(headers.get('X-Alerts-Open'));
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, body.detail, Number(headers.get('Retry-After')) || null);
}

// What was called off is told by name, whatever the browser throws for it.
const abortOf = (error) => (error.name === 'AbortError' ? error : new DOMException('', 'AbortError'));

function hearServer(headers) {
  const date = Date.parse(headers.get('Date'));
  // The header counts whole seconds and took some time to come here.
  if (date && Math.abs(date + 500 - serverNow()) > 2000) aheadMs = date + 500 - Date.now();
  versionOfServer = headers.get('X-Page-Version') ?? versionOfServer;
}
