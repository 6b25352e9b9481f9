// What a view that is loaded where it is shown needs before it is drawn: its words in the language of the page, and its
// style; and what such views say of figures in general.

import { load } from './api.js';
import { el } from './dom.js';
import { t } from './language.js';
import { amount } from './words.js';

const WORDS_IN = './words.';

// To be awaited before anything of this room is said: 'battery', 'roof'.
export async function ready(room) {
  const language = document.documentElement.lang.split('-')[0];
  await Promise.all([load(() => import(`${WORDS_IN}${room}.${language}.js`)), styled(room)]);
}

// Drawn without its style a view would jump as that comes. Where it cannot be had, the words are still there.
export function styled(room) {
  const style = new URL(`./${room}.css`, import.meta.url).href;
  if ([...document.styleSheets].some(({ href }) => href === style)) return null;
  return new Promise((done) => {
    document.head.append(el('link', { rel: 'stylesheet', href: style, load: done, error: done }));
  });
}

// A number alone, as a part of a sentence or in front of a unit that comes once.
export const digits = (value, places) => amount(value, places, '').trim();

export const capital = (words) => words[0].toUpperCase() + words.slice(1);
export const sentence = (words) => t('full_stop', { what: capital(words) });

// The words of a key, or null where there are none.
export function told(key, values) {
  const words = t(key, values ?? {});
  return words === key || /\{\w+\}/.test(words) ? null : words;
}

// A line that holds a command breaks between words alone: not after a hyphen, where one would be typed too many.
export const unbroken = (line) => line.split(' ').flatMap((word, n) => [n ? ' ' : '', el('span', { class: 'whole' }, word)]);
