// Where one goes to another day, week, month or year: a field to type into, and beside it what opens the list.

import { load, trouble } from './api.js';
import { el, say } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { KINDS, named } from './period_kinds.js';

// kind: day, week, month or year; date: what is shown; first, last: what there is; here: the view's context;
// chosen(date).
export function periodField(kind, { date, first, last, here, chosen }) {
  const field = kind === 'day' ? dateField(t('go_to_date'), { value: date, first, last, keep: 'date' }, chosen) : textField(kind, { date, first, last, chosen });
  const open = async () => {
    try {
      const { Picker } = await load(() => import('./picker.js'));
      new Picker(kind, { date, first, last, here, chosen }).open();
    } catch (thrown) {
      say(document.getElementById('announcer'), trouble(thrown)?.message ?? '');
    }
  };
  const button = el(
    'button',
    { type: 'button', class: 'pick', 'aria-haspopup': 'dialog', 'aria-label': t('pick_from_list'), 'data-keep': 'pick', click: open },
    icon('calendar'),
  );
  return el('div', { class: 'period-field' }, field, button);
}

// A week, a month or a year as text: it counts on Enter, or when the field is left.
function textField(kind, { date, first, last, chosen }) {
  const { typed, start } = KINDS[kind];
  const value = typed(start(date));
  const input = el('input', { type: 'text', value, 'data-keep': 'typed', autocomplete: 'off', spellcheck: 'false', size: 14, inputmode: kind === 'year' ? 'numeric' : null });
  const complain = (words) => {
    input.setCustomValidity(words);
    input.setAttribute('aria-invalid', String(Boolean(words)));
    if (words) input.reportValidity();
  };
  let told = value;
  const commit = async () => {
    if (input.value === told || !input.value.trim()) return;
    told = input.value;
    let found = null;
    try {
      const { typedDate } = await load(() => import('./typed.js'));
      found = typedDate(told, kind, date, last);
    } catch (thrown) {
      say(document.getElementById('announcer'), trouble(thrown)?.message ?? '');
      return;
    }
    const day = found && start(found);
    const long = (one) => named(one, { day: 'numeric', month: 'long', year: 'numeric' });
    if (!day) complain(t('pick_not_understood', { example: value }));
    else if (day > last || (first && KINDS[kind].move(day, 1) <= first)) complain(t('pick_nothing_there', { first: long(first ?? last), last: long(last) }));
    else if (day === start(date)) input.value = told = value;
    else chosen(day);
  };
  input.addEventListener('input', () => complain(''));
  input.addEventListener('focus', () => input.select());
  input.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter') commit();
    if (key === 'Escape') input.value = told = value;
  });
  input.addEventListener('blur', commit);
  return el('label', {}, el('span', { class: 'unseen' }, t(`type_${kind}`)), input);
}

// A date field. While someone types, each key makes another date: that counts on Enter or when the field is left. Picked
// from the calendar, it counts at once.
export function dateField(name, { value, first, last, keep }, chosen) {
  let isTyped = false;
  let told = value;
  const attributes = { type: 'date', value, min: first, max: last, required: true, 'data-keep': keep };
  const input = el('input', attributes);
  const commit = () => {
    isTyped = false;
    if (input.value === told || !input.checkValidity()) return;
    told = input.value;
    chosen(told);
  };
  input.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter') commit();
    else if (key !== 'Tab') isTyped = true;
  });
  input.addEventListener('change', () => isTyped || commit());
  input.addEventListener('blur', commit);
  return el('label', {}, el('span', { class: 'unseen' }, name), input);
}
