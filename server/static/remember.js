// What this browser keeps of the page between visits: which of several houses was chosen, and, for one window,
// for which version it last loaded again. Never a token, never a reading.

const PREFIX = 'sungrow.';

// A browser may forbid this: then the page forgets.
function kept(store, name, value) {
  try {
    if (value === undefined) return store().getItem(PREFIX + name);
    store().setItem(PREFIX + name, value);
  } catch {
    // as said
  }
  return null;
}

export const remember = (name, value) => kept(() => localStorage, name, value);
export const remembered = (name) => kept(() => localStorage, name);
export const note = (name, value) => kept(() => sessionStorage, name, value);
export const noted = (name) => kept(() => sessionStorage, name);
