// What the Battery view says of figures in general.

import { load, trouble } from './api.js';
import { el, say } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { ready as roomReady, sentence, told } from './room.js';

export { capital, digits, sentence, told } from './room.js';

// Of what a house does not have, nothing is said.
const ABSENT = ['no_battery', 'no_temperature', 'no_soh'];

// To be awaited before anything is said.
export const ready = () => roomReady('battery');

export const isAbsent = ({ reason }) => ABSENT.includes(reason);

export const isKnown = (figure) => figure?.value !== null && figure?.value !== undefined;

// Why there is no number, in a few words; a reason that this page does not know is as the server has it.
export function shortReason({ reason, reason_text: text, reason_values: values = {} }) {
  return told(`battery_short_${reason}`, values) ?? text ?? '';
}

// The same with what to do about it.
export function wholeReason(figure) {
  const what = told(`battery_todo_${figure.reason}`, figure.reason_values);
  return [shortReason(figure), what].filter(Boolean).map(sentence).join(' ');
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
