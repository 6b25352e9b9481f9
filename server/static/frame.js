// What is around each view: the house and how fresh it is at the top; tabs, at the bottom of a phone; what is
// under More; and the choice of house.

import { el, say } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { remember } from './remember.js';
import { tabOf, tabsOf } from './views.js';
import { deviceName } from './words.js';
import { offsetOf } from './zone.js';

const IN_BAR = 3; // on a phone; the others are under More
const byId = (id) => document.getElementById(id);

export class Frame {
  #more = el('button', { type: 'button', id: 'more', 'aria-expanded': 'false', click: () => this.#toggle() });
  #sheet = el('div', { id: 'sheet', class: 'card', hidden: true });
  #formulas = null;
  #zone = el('p', { class: 'quiet' });

  // logOut(): what follows when someone confirmed that; go(address).
  constructor({ logOut, go }) {
    this.logOut = logOut;
    this.go = go;
    say(document.querySelector('.skip'), t('frame_skip'));
    this.#more.append(icon('more'), el('span', {}, t('tab_more')));
    byId('views').after(this.#sheet);
    this.#sheet.addEventListener('focusout', ({ relatedTarget: next }) => {
      if (next && !this.#sheet.contains(next) && next !== this.#more) this.#close();
    });
    byId('logout').append(t('log_out'));
    byId('logout').addEventListener('click', () => this.#askLogOut());
    document.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#close());
    document.addEventListener('click', ({ target }) => {
      if (!this.#sheet.contains(target) && !this.#more.contains(target)) this.#close();
    });
  }

  // name: of the view; here: its context; devices: all that one may see.
  show(name, here, devices) {
    const tabs = tabsOf(here.device);
    const current = tabOf(here.device, name);
    const isInBar = (tab) => tabs.indexOf(tab) < IN_BAR && !['money', 'system'].includes(tab.id);
    const later = tabs.filter((tab) => !isInBar(tab));
    byId('views').hidden = here.isKiosk;
    document.body.classList.toggle('kiosk', here.isKiosk);
    byId('views').replaceChildren(
      ...tabs.map((tab) => this.#tab(tab, tab === current, here, isInBar(tab) ? '' : 'later')),
      this.#more,
    );
    this.#more.classList.toggle('current', later.includes(current));
    this.#close();
    this.#sheet.replaceChildren(
      ...later.map((tab) => this.#tab(tab, tab === current, here, '')),
      el('button', { type: 'button', class: 'plain', click: () => this.#logOutOfSheet() }, t('log_out')),
    );
    byId('logout').hidden = false;
    this.#segments(current, name, here);
    this.#choose(name, here, devices);
    this.#sayZone(here);
  }

  // Who reads from elsewhere has to know whose times these are.
  #sayZone({ zone }) {
    const isHere = offsetOf(Date.now(), zone) === -new Date().getTimezoneOffset();
    say(this.#zone, isHere ? '' : t('times_are_here', { zone }));
  }

  hide() {
    for (const id of ['views', 'logout', 'formulas', 'chooser', 'segments']) byId(id).hidden = true;
    byId('chooser').parentNode.classList.remove('with-choice');
    this.#close();
    say(byId('device-name'), t('frame_title'));
  }

  // Only once there is a view: what is below it would be seen to move away.
  showFoot() {
    const foot = byId('formulas');
    foot.hidden = document.body.classList.contains('kiosk');
    this.#zone.hidden = !this.#zone.textContent;
    if (this.#formulas) return;
    this.#formulas = el(
      'details',
      { toggle: () => this.#fill() },
      el('summary', {}, t('formulas')),
      el('div', {}),
    );
    foot.replaceChildren(this.#zone, this.#formulas);
  }

  async #fill() {
    const { formulas } = await import('./formulas.js');
    this.#formulas.lastChild.replaceChildren(formulas());
  }

  #tab({ id, views }, isCurrent, here, type) {
    const names = Object.keys(views);
    const last = names.includes(this.last) ? this.last : names[0];
    const attributes = {
      class: `tab ${type}`,
      href: here.link({ view: names.length > 1 ? last : names[0] }),
      'aria-current': isCurrent ? 'page' : null,
      'data-keep': names.length > 1 ? `tab-${id}` : `view-${names[0]}`,
    };
    return el('a', attributes, icon(id), el('span', {}, t(`tab_${id}`)));
  }

  // The views of a tab that has several.
  #segments(tab, name, here) {
    const names = Object.keys(tab.views).filter((one) => !one.startsWith('_'));
    const bar = byId('segments');
    bar.hidden = names.length < 2;
    bar.replaceChildren();
    if (bar.hidden) return;
    this.last = name;
    bar.setAttribute('aria-label', t('spans'));
    const links = names.map((one) =>
      el(
        'a',
        {
          href: here.link({ view: one, date: here.date }),
          'aria-current': one === name ? 'page' : null,
          'data-keep': `view-${one}`,
        },
        t(`view_${one}`),
      ),
    );
    bar.replaceChildren(...links);
    const chosen = bar.querySelector('[aria-current]');
    if (chosen) bar.scrollLeft = chosen.offsetLeft - 40;
  }

  #choose(name, here, devices) {
    const chooser = byId('chooser');
    const own = here.device.device_id;
    chooser.hidden = devices.length < 2;
    chooser.parentNode.classList.toggle('with-choice', !chooser.hidden);
    say(byId('device-name'), devices.length < 2 ? deviceName(here.device) : t('frame_title'));
    if (chooser.hidden) return;
    say(chooser.querySelector('span'), t('frame_device'));
    const select = chooser.querySelector('select');
    select.dataset.keep = 'chooser';
    select.replaceChildren(
      ...devices.map((device) =>
        el('option', { value: device.device_id, selected: device.device_id === own }, deviceName(device)),
      ),
    );
    select.onchange = () => {
      remember('device', select.value);
      this.go(here.link({ view: name, date: here.date, device: select.value }));
    };
  }

  #toggle() {
    const open = this.#sheet.hidden;
    this.#sheet.hidden = !open;
    this.#more.setAttribute('aria-expanded', String(open));
    if (open) this.#sheet.querySelector('a, button')?.focus();
  }

  #close() {
    if (this.#sheet.hidden) return;
    if (this.#sheet.contains(document.activeElement)) this.#more.focus();
    this.#sheet.hidden = true;
    this.#more.setAttribute('aria-expanded', 'false');
  }

  // Who thinks better of it is back at More: what is in it is gone.
  #logOutOfSheet() {
    this.#close();
    this.#askLogOut();
  }

  // It costs typing a token again: it is asked for once more.
  #askLogOut() {
    const box = el('dialog', { class: 'card', 'aria-labelledby': 'ask-log-out' });
    const end = (then) => () => {
      box.close();
      box.remove();
      then?.();
    };
    box.append(
      el('p', { id: 'ask-log-out' }, t('log_out_ask')),
      el(
        'p',
        { class: 'choices' },
        el('button', { type: 'button', click: end() }, t('cancel')),
        el('button', { type: 'button', id: 'log-out-yes', click: end(this.logOut) }, t('log_out_yes')),
      ),
    );
    box.addEventListener('close', () => box.remove());
    document.body.append(box);
    box.showModal();
  }
}

// Of a view whose files did not arrive. error: why.
export function unloaded(error) {
  const again = el('button', { type: 'button', click: () => location.reload() }, t('try_again'));
  const words = el('p', {}, t('view_not_loaded', { why: error?.message ?? '' }));
  return { title: t('not_loaded'), element: card('not_loaded', words, again), jobs: [], load: () => null };
}

// Another house would be taken for the one that the link names.
export function unknownHouse(id, devices, link) {
  const links = devices.map((device) =>
    el('li', {}, el('a', { class: 'button', href: link(device.device_id) }, deviceName(device))),
  );
  const words = devices.length ? t('no_device_named', { device: id }) : t('no_devices');
  const element = card('no_device', el('p', {}, words), el('ul', { class: 'choices' }, links));
  return { title: t('no_device'), element };
}

const card = (title, ...content) =>
  el('div', { class: 'card', role: 'alert' }, el('h1', { tabindex: -1 }, t(title)), content);
