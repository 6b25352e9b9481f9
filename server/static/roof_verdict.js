// The first line of the Roof view: what is wrong with a string, or that nothing is; and what is not known yet.

import { locale, t } from './language.js';
import { directionOf } from './roof_cells.js';
import { day, isKnown, nameOf, wholeWhy } from './roof_words.js';
import { count, percent } from './words.js';

const OFF = 0.05; // by so much a string differs from its usual

// found: of /v1/roof; null where nothing was analysed yet. Return sentences, the gravest first.
export function verdict(found) {
  if (!found || found.reason === 'not_computed') return [t('roof_tonight')];
  const { strings } = found;
  const name = (one) => nameOf(one.string, found);
  const dead = strings.filter((one) => one.dead).map((one) => t('roof_says_dead', { name: name(one), day: day(one.dead.since) }));
  const off = strings.filter(isLess).map((one) => t('roof_says_less', { name: name(one), pct: percent((1 - one.share.value / one.share.usual) * 100) }));
  const lacks = Math.max(0, found.days_missing ?? 0);
  const early = lacks > 0 ? t('roof_says_early', { days: count(found.days), n: lacks }) : null;
  if (found.reason === 'too_few_days' && early) return [...dead, ...off, early];
  if (found.reason) return [...dead, ...off, found.reason === 'no_place' ? t('roof_says_no_place') : wholeWhy(found)];
  const shaded = strings.filter(({ map }) => map?.shaded_bins > 0);
  const shade = shaded.map((one) => t('roof_says_shade', { name: name(one), where: placesOf(one.map) }));
  const settled = strings.filter(({ map }) => map && !map.unsettled && map.seen_bins > 0);
  const clear = !shaded.length && settled.length === strings.length && strings.length ? t('roof_says_clear') : null;
  return [...dead, ...off, ...shade, clear, early].filter(Boolean);
}

// Of two strings each is less of the whole as the other is more: the one that fell is the one below its own usual.
const isLess = ({ share, dead }) => !dead && isKnown(share) && share.usual > 0 && share.value / share.usual < 1 - OFF;

const eitherOf = (words) => new Intl.ListFormat(locale, { type: 'disjunction' }).format(words);

// The directions in which it is shaded, from the morning on; or how often, where they are not told.
function placesOf({ words = [], shaded_bins: n }) {
  const shades = words.filter(({ kind }) => kind !== 'dirt_or_tilt');
  const directions = shades.map(({ azimuth_from_deg: from, azimuth_to_deg: to }) => directionOf((from + (to < from ? to + 360 : to)) / 2));
  const named = [...new Set(directions)].map((direction) => t(`roof_dir_${direction}`));
  return named.length ? t('roof_in_directions', { list: eitherOf(named) }) : t('roof_in_places', { n });
}
