// What the Roof view says of strings in general: what they are called, why something is not known, and what to type.

import { t } from './language.js';
import { ready as roomReady, sentence, told } from './room.js';
import { when } from './words.js';
import { noon } from './zone.js';

const DATE = { day: 'numeric', month: 'long', year: 'numeric' };

// To be awaited before anything is said.
export const ready = () => roomReady('roof');

export const isKnown = (figure) => typeof figure?.value === 'number';

// By the name that its owner gave it.
export const nameOf = (string, found) =>
  found?.strings?.find((one) => one.string === string)?.name || t('string_n', { n: String(string) });

// Why there is no figure, in a few words; a reason that this page does not know is as the server has it.
export function why({ reason, reason_text: text, reason_values: values = {} }) {
  return told(`roof_why_${reason}`, values) ?? text ?? '';
}

// The same as a sentence, with what to do about it.
export function wholeWhy(figure) {
  const what = told(`roof_todo_${figure.reason}`, figure.reason_values);
  return [why(figure), what].filter(Boolean).map(sentence).join(' ');
}

// A date stays the date that it is, wherever it is read.
export const day = (date) => when(noon(date.slice(0, 10)), 'UTC', DATE);

// What the owner types on the server: as that names its command, where it said so, or else as an installed one has it.
export function command(device, rest, said) {
  const [name] = /python -m server\.site|(sudo )?sungrow-server site/.exec(said ?? '') ?? ['sungrow-server site'];
  return `${name} set ${device.device_id} ${rest}`;
}

// --string as a command has it; letters stand for what is not known.
export function stringOption(string, { tilt_deg: tilt, azimuth_deg: azimuth, kwp }, name) {
  const whole = [tilt ?? 'TILT', azimuth ?? 'AZIMUTH', kwp ?? 'KWP', name].filter((part) => part !== null && part !== '');
  const text = `${string}:${whole.join(',')}`;
  return `--string ${/[^\w:,.-]/.test(text) ? `'${text}'` : text}`;
}
