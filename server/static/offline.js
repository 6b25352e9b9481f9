// Lets the page open without a network, as of its last visit: what a service worker (sw.js) keeps, and how it is
// begun and emptied. Without one the page works as ever.

import { t } from './language.js';

let isAsked = false;
let tell = () => null;

// For the System view, as soon as it is known: {isReady, why}.
export const offlineState = new Promise((resolve) => {
  tell = resolve;
});
if (navigator.serviceWorker?.controller) tell({ isReady: true });

// After the first view: have everything kept that a view may need; on a wall the screen stays on.
export function keepAll(isKiosk) {
  if (isKiosk) stayAwake();
  if (isAsked) return;
  isAsked = true;
  begin();
}

async function begin() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) {
    tell({ isReady: false, why: t('offline_unsupported') });
    return;
  }
  try {
    await serviceWorker.register(scriptAddress('/sw.js'));
    const keep = ({ active }) => active.postMessage({ keep: document.documentElement.lang });
    keep(await serviceWorker.ready);
    // After an upgrade another one takes over, which has nothing yet.
    serviceWorker.addEventListener('controllerchange', async () => keep(await serviceWorker.ready));
    tell({ isReady: true });
  } catch (error) {
    tell({ isReady: false, why: error.message });
  }
}

// Where the browser wants to be told that an address of a script is one of ours.
function scriptAddress(path) {
  const policy = globalThis.trustedTypes?.createPolicy('sungrow', { createScriptURL: (given) => given });
  return policy?.createScriptURL(path) ?? path;
}

// What was kept belongs to who was logged in.
export async function forgetAll() {
  navigator.serviceWorker?.controller?.postMessage({ forget: true });
  if (!globalThis.caches) return;
  try {
    for (const name of await caches.keys()) await caches.delete(name);
  } catch {
    // a browser that forbids to look has kept nothing
  }
  isAsked = false;
}

async function stayAwake() {
  try {
    await navigator.wakeLock?.request('screen');
  } catch {
    // of a hidden page, or on a low battery: the next change of view asks again
  }
}
