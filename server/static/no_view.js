// What is shown in place of a view: where its files did not arrive, and where this login does not show the house.

import { el } from './dom.js';
import { nameOf } from './frame.js';
import { t } from './language.js';

// error: why, or nothing.
export function unloaded(error) {
  const again = el('button', { type: 'button', click: () => location.reload() }, t('try_again'));
  const words = el('p', {}, t('view_not_loaded', { why: error?.message ?? '' }));
  return { title: t('not_loaded'), element: card('not_loaded', words, again), jobs: [], load: () => null };
}

// Another house under this link would be taken for the one that it names. devices: those to choose from; link(id).
export function unknownHouse(id, devices, link) {
  const links = devices.map((device) =>
    el('li', {}, el('a', { class: 'button', href: link(device.device_id) }, nameOf(device))),
  );
  const words = devices.length ? t('no_device_named', { device: id }) : t('no_devices');
  const element = card('no_device', el('p', {}, words), el('ul', { class: 'choices' }, links));
  return { title: t('no_device'), element };
}

const card = (title, ...content) =>
  el('div', { class: 'card', role: 'alert' }, el('h1', { tabindex: -1 }, t(title)), content);
