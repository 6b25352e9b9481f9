// Talks to the server. The session is a cookie that no script can read.

const TIMEOUT_MS = 15000;
let aheadMs = 0; // how far the server's clock is ahead of this machine's

export class ApiError extends Error {
  constructor(status, detail, retryAfterS) {
    super(typeof detail === 'string' ? detail : (detail?.[0]?.msg ?? `status ${status}`));
    this.status = status; // 0: no answer at all
    this.retryAfterS = retryAfterS;
  }
}

// Whether the server says that the question is wrong: asked again, it would be just as wrong.
export const isRefused = ({ status }) => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

// The present by the server's clock, in ms: this machine's may be wrong.
export const serverNow = () => Date.now() + aheadMs;

export function address(path, parameters = {}) {
  const query = new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null),
  );
  return [path, String(query)].filter(Boolean).join('?');
}

// GET, as JSON. What it throws, `trouble` tells apart.
export async function ask(path, parameters, signal) {
  return send(address(path, parameters), {}, signal, async (answer) => {
    try {
      return await answer.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, 'the answer broke off');
    }
  });
}

// Load a module of the page that the first view does not need; fails as a request does.
export async function load(module) {
  try {
    return await module();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ApiError(0, 'the server cannot be reached');
  }
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

export function logOut() {
  return send('/logout', { method: 'POST' });
}

// What `read` makes of a good answer; given up after a while, or when the signal calls it off.
async function send(url, options, signal, read = () => null) {
  const request = new AbortController();
  const giveUp = () => request.abort();
  const timer = setTimeout(giveUp, TIMEOUT_MS);
  signal?.addEventListener('abort', giveUp);
  if (signal?.aborted) giveUp();
  try {
    return await read(await answered(url, { ...options, signal: request.signal }, signal));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

async function answered(url, options, signal) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'the server cannot be reached');
  }
  const date = Date.parse(answer.headers.get('Date'));
  // The header counts whole seconds and took some time to come here.
  if (date && Math.abs(date + 500 - serverNow()) > 2000) aheadMs = date + 500 - Date.now();
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, body.detail, Number(answer.headers.get('Retry-After')) || null);
}
