// The words of the page, in one language. The frame names one module of words beside app.js, as the browser asked for
// it: that module runs before all others and calls speak(), so that words may be used anywhere.

const FALLBACK = { en: 'en-GB' };
let words = {};
let plurals = new Intl.PluralRules('en');
let numbers = new Intl.NumberFormat('en');

// How dates and numbers are written: in the language of the words, as in the country of the browser.
export let locale = 'en-GB';

export function speak(language, its) {
  const own = navigator.languages?.find((tag) => tag.split('-')[0].toLowerCase() === language);
  words = its;
  locale = known(own) ?? FALLBACK[language] ?? language;
  plurals = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(locale, { numberingSystem: 'latn' });
  set(document.documentElement, language);
}

// More words, of a part of the page that is loaded where it is shown.
export function learn(its) {
  words = { ...words, ...its };
}

// A browser may name a language in a way that it does not know itself.
function known(tag) {
  try {
    return tag && Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

function set(root, language) {
  root.lang = language;
  root.dir = 'ltr';
}

export const hasWords = () => Object.keys(words).length > 0;

// The words of a key, with {name} in them replaced by the value of that name. A text that depends on a number is an
// object {one, other}, and that number is `n`.
export function t(key, values = {}) {
  const found = words[key];
  const text = typeof found === 'object' ? (found[plurals.select(values.n)] ?? found.other) : found;
  return (text ?? key).replace(/\{(\w+)\}/g, (place, name) => written(values[name], place));
}

function written(value, place) {
  if (value === undefined || value === null) return place;
  return typeof value === 'number' ? numbers.format(value) : value;
}

// The word of one of several: cause, state, reason. One that this page does not know is shown by its own name.
export function named(prefix, name) {
  const key = `${prefix}_${name}`;
  return key in words ? t(key) : String(name).replaceAll('_', ' ');
}
