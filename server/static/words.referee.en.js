// What the server found of the two meters of a house, in English: loaded where System shows it. Other languages have the
// same keys.

import { learn } from './language.js';

export const WORDS = {
  ref_side_import: 'import',
  ref_side_export: 'export',
  ref_cannot_no_meter:
    'The inverter has no grid meter of its own, so there is nothing to compare: import, export and house use come from the utility’s meter.',
  ref_cannot_no_inverter: 'There are no readings of the inverter in this time.',
  ref_cannot_no_p1: 'There are no readings of the utility’s meter in this time.',
  ref_reversed:
    'Your inverter’s meter is the wrong way round: it shows import where the utility’s meter shows export. The figures here are those of the turned meter.',
  ref_one_phase: 'It measures phase {phase} only.',
  ref_phase_unseen: 'It does not measure phase {phase}.',
  ref_phase_reversed: 'Its clamp on phase {phase} is the wrong way round.',
  ref_phase_elsewhere: 'Its clamp on phase {phase} seems to be on another phase than its voltage.',
  ref_gain_unknown: 'Not enough happened to compare {side}.',
  ref_gain_same: 'Your inverter’s meter reads {side} as the utility’s meter does, ± {within}.',
  ref_gain_more: 'Your inverter’s meter reads {share} more {side} than the utility’s meter, ± {within}.',
  ref_gain_less: 'Your inverter’s meter reads {share} less {side} than the utility’s meter, ± {within}.',
  ref_offset_more: 'Besides, at any power it shows {power} more.',
  ref_offset_less: 'Besides, at any power it shows {power} less.',
  ref_gain_robust: 'Some odd quarter hours have a part in that; without them the difference in {side} is {share}.',
  ref_lag_unknown: 'How much later the inverter shows a change is not known: {why}.',
  ref_why_not_enough: 'not enough happened',
  ref_why_too_far: 'the two differ by more than 30 s',
  ref_lag_later: 'Your inverter shows a change {time} later than the utility’s meter, ± {within}.',
  ref_lag_earlier: 'Your inverter shows a change {time} earlier than the utility’s meter, ± {within}.',
  ref_lag_stored: 'The two are paired with {time} now; to use this lag, run: {command}',
  ref_total: 'The inverter’s counter of {side} rose by {own}, the utility’s by {p1}.',
  ref_unexplained: '{energy} between the two meters are explained by none of this.',
  ref_netted:
    'The utility’s meter nets the three phases: what one exports while another imports costs nothing. Counted each for itself, import would be {energy} more.',
  ref_not_netted:
    'The utility’s meter counts each phase for itself: what one exports while another imports is both. That is {energy} more import than if they were netted, so a battery helps only on the phase that it is on.',
  ref_negative: 'Taken at the same moment, {before} of house-use figures are below zero; after the shift {after}.',
  ref_negative_more: 'Another generator may feed in behind the same meter.',
  ref_clock_ahead: 'The clock of the utility’s meter is {time} ahead.',
  ref_clock_behind: 'The clock of the utility’s meter is {time} behind.',
  ref_clock_hour: 'Its summer time does not fit the house’s zone.',
  ref_missing_inverter: { one: '{n} of {of} quarter hours has no reading of the inverter.', other: '{n} of {of} quarter hours have no reading of the inverter.' },
  ref_missing_p1: { one: '{n} of {of} quarter hours has no reading of the utility’s meter.', other: '{n} of {of} quarter hours have no reading of the utility’s meter.' },
  ref_peak_agrees: 'Our highest quarter hour agrees with the meter’s own peak of {month}, {meter}.',
  ref_peak_not_measured: 'The meter’s own peak of {month}, {meter}, is of a quarter hour that was not read.',
  ref_peak_boundary_missed:
    'Our highest quarter hour is {ours}, beside the meter’s own peak of {month}, {meter}, which counts: the meter was not read close enough to the ends of that quarter hour.',
};

learn(WORDS);
