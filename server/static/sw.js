// The service worker: keeps the page and the last answers of its server, so that the page opens at once without a
// network. What was kept is only ever given where the server does not answer, with the time at which it did.

// The server writes two lines before these: VERSION, and FILES, those that every language needs.
const [PAGE, ANSWERS] = [`page-${VERSION}`, 'answers'];
const FOLDER = `/static/${VERSION}/`;
const FRAME_MS = 4000; // so long a frame may take, where one is kept
const MOST_ANSWERS = 80;
const AWAY = [502, 503, 504];
let epoch = 0; // of who is logged in

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(begin()));
self.addEventListener('message', ({ data }) => {
  if (data.forget) forget();
  if (data.keep) keepPage(data.keep);
});
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (pathname === '/' && request.mode === 'navigate') event.respondWith(frame(request));
  else if (pathname.startsWith('/static/')) event.respondWith(file(request));
  else if (pathname === '/health' || isAnswer(new URL(request.url))) event.respondWith(answer(request));
});

const isAnswer = ({ pathname, searchParams }) =>
  pathname === '/login' || (pathname.startsWith('/v1/') && searchParams.get('format') !== 'csv');

async function begin() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => ![PAGE, ANSWERS].includes(name)).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function forget() {
  epoch++;
  for (const name of await caches.keys()) await caches.delete(name);
}

// The frame as who is logged in gets it, and every file that a view may ask for.
async function keepPage(language) {
  const mine = epoch;
  const cache = await caches.open(PAGE);
  const kept = (await cache.keys()).map(({ url }) => new URL(url).pathname);
  const wanted = [...FILES, `words.${language}.js`, `words.battery.${language}.js`].map((name) => FOLDER + name);
  await Promise.all(
    ['/', ...wanted.filter((path) => !kept.includes(path))].map(async (path) => {
      const got = await fetch(path, { cache: path === '/' ? 'no-cache' : 'default' }).catch(() => null);
      if (got?.ok && mine === epoch) await cache.put(path, got);
    }),
  );
  if (mine !== epoch) await forget();
}

// A frame of the server, unless that is away or slow.
async function frame(request) {
  const kept = await caches.match('/', { ignoreSearch: true, ignoreVary: true });
  const asked = fetch(request);
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, FRAME_MS));
  const got = await Promise.race([asked.catch(() => null), late]);
  return got && !AWAY.includes(got.status) ? got : kept;
}

// A file under an address of its version is the same for ever.
async function file(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  return kept ?? fetch(request);
}

async function answer(request) {
  const mine = epoch;
  const got = await fetch(request).catch((error) => {
    if (request.signal.aborted) throw error;
    return null;
  });
  if (got?.status === 401) await forget();
  if (got && !AWAY.includes(got.status)) {
    if (got.ok) keepAnswer(request, got.clone(), mine);
    return got;
  }
  const cache = await caches.open(ANSWERS);
  return (await cache.match(request, { ignoreVary: true })) ?? got ?? Response.error();
}

async function keepAnswer(request, got, mine) {
  const headers = new Headers(got.headers);
  headers.set('X-Kept-At', new Date().toISOString());
  headers.delete('Content-Encoding');
  headers.delete('Content-Length');
  const body = await got.arrayBuffer();
  if (mine !== epoch) return;
  const cache = await caches.open(ANSWERS);
  await cache.put(request.url, new Response(body, { status: got.status, headers }));
  const all = await cache.keys();
  // The oldest go first.
  await Promise.all(all.slice(0, Math.max(all.length - MOST_ANSWERS, 0)).map((old) => cache.delete(old)));
  if (mine !== epoch) await forget();
}
