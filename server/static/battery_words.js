// What the Battery view needs before it is drawn: its words in the language of the page, and its style; and what it says
// of figures in general.

import { load, trouble } from './api.js';
import { el, say } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { amount } from './words.js';

const WORDS_IN = './words.battery.';
const STYLE = new URL('./battery.css', import.meta.url).href;
// Of what a house does not have, nothing is said.
const ABSENT = ['no_battery', 'no_temperature', 'no_soh'];

// To be awaited before anything is said.
export async function ready() {
  const language = document.documentElement.lang.split('-')[0];
  await Promise.all([load(() => import(WORDS_IN + language + '.js')), styled()]);
}

// Drawn without its style a view would jump as that comes. Where it cannot be had, the words are still there.
function styled() {
  if ([...document.styleSheets].some(({ href }) => href === STYLE)) return null;
  return new Promise((done) => {
    document.head.append(el('link', { rel: 'stylesheet', href: STYLE, load: done, error: done }));
  });
}

export const isAbsent = ({ reason }) => ABSENT.includes(reason);

export const isKnown = (figure) => figure?.value !== null && figure?.value !== undefined;

// A number alone, as a part of a sentence or in front of a unit that comes once.
export const digits = (value, places) => amount(value, places, '').trim();

// Why there is no number, in a few words; a reason that this page does not know is as the server has it.
export function shortReason({ reason, reason_text: text, reason_values: values = {} }) {
  return told(`battery_short_${reason}`, values) ?? text ?? '';
}

// The same with what to do about it.
export function wholeReason(figure) {
  const what = told(`battery_todo_${figure.reason}`, figure.reason_values);
  return [shortReason(figure), what].filter(Boolean).map(sentence).join(' ');
}

export const capital = (words) => words[0].toUpperCase() + words.slice(1);
export const sentence = (words) => t('full_stop', { what: capital(words) });

// The words of a key, or null where there are none.
export function told(key, values) {
  const words = t(key, values ?? {});
  return words === key || /\{\w+\}/.test(words) ? null : words;
}

// Half of what a figure's interval is wide, in front of which comes ±; null without one.
export const plusMinus = ({ low, high }) => (typeof low === 'number' && typeof high === 'number' ? (high - low) / 2 : null);

// A button that tells how a figure is made: its lines are made when it is asked; `worked` is the one with numbers.
export function infoButton(name, linesOf) {
  const open = async () => {
    try {
      const { showLines } = await load(() => import('./formula_sheet.js'));
      const { lines, worked } = linesOf();
      showLines(name, lines, worked);
    } catch (thrown) {
      say(document.getElementById('announcer'), trouble(thrown)?.message ?? '');
    }
  };
  const attributes = { type: 'button', class: 'info', 'aria-label': t('how_made', { name }), click: open };
  return el('button', attributes, icon('info'));
}
