// Speaks of alerts: their words, in one language, and their style are loaded only where a house has alerts.

import { load } from './api.js';
import { styled } from './room.js';
import { count } from './words.js';

const WORDS_IN = './words.alerts.';
let own = {};

// To be awaited before anything is said.
export async function learn() {
  const language = document.documentElement.lang.split('-')[0];
  const [{ WORDS }] = await Promise.all([load(() => import(WORDS_IN + language + '.js')), styled('alerts')]);
  own = WORDS;
}

// The words of a key, with {name} in them replaced by the value of that name.
export function a(key, values = {}) {
  return own[key].replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === 'number' ? count(values[name]) : values[name],
  );
}

// One that this page does not know is shown by its own name.
export const ruleName = (rule) => own.rules[rule] ?? rule.replaceAll('_', ' ');
