// What the server found of the two meters of a house, in Dutch: loaded where System shows it. Other languages have the
// same keys.

import { learn } from './language.js';

export const WORDS = {
  ref_side_import: 'afname',
  ref_side_export: 'teruglevering',
  ref_cannot_no_meter:
    'De omvormer heeft geen eigen netmeter, er is dus niets te vergelijken: afname, teruglevering en verbruik komen van de meter van de netbeheerder.',
  ref_cannot_no_inverter: 'Van de omvormer zijn er uit deze tijd geen metingen.',
  ref_cannot_no_p1: 'Van de meter van de netbeheerder zijn er uit deze tijd geen metingen.',
  ref_reversed:
    'De meter van de omvormer zit verkeerd om: hij toont afname waar de meter van de netbeheerder teruglevering toont. De cijfers hier zijn die van de omgedraaide meter.',
  ref_one_phase: 'Hij meet alleen fase {phase}.',
  ref_phase_unseen: 'Fase {phase} meet hij niet.',
  ref_phase_reversed: 'Zijn klem op fase {phase} zit verkeerd om.',
  ref_phase_elsewhere: 'Zijn klem op fase {phase} lijkt op een andere fase te zitten dan zijn spanning.',
  ref_gain_unknown: 'Er gebeurde te weinig om te vergelijken ({side}).',
  ref_gain_same: 'De meter van de omvormer toont evenveel {side} als die van de netbeheerder, ± {within}.',
  ref_gain_more: 'De meter van de omvormer toont {share} meer {side} dan die van de netbeheerder, ± {within}.',
  ref_gain_less: 'De meter van de omvormer toont {share} minder {side} dan die van de netbeheerder, ± {within}.',
  ref_offset_more: 'Bovendien toont hij bij elk vermogen {power} meer.',
  ref_offset_less: 'Bovendien toont hij bij elk vermogen {power} minder.',
  ref_gain_robust: 'Een paar vreemde kwartieren hebben daar deel aan; zonder die is het verschil ({side}) {share}.',
  ref_lag_unknown: 'Hoeveel later de omvormer een verandering toont, is niet bekend: {why}.',
  ref_why_not_enough: 'er gebeurde te weinig',
  ref_why_too_far: 'de twee verschillen meer dan 30 s',
  ref_lag_later: 'De omvormer toont een verandering {time} later dan de meter van de netbeheerder, ± {within}.',
  ref_lag_earlier: 'De omvormer toont een verandering {time} eerder dan de meter van de netbeheerder, ± {within}.',
  ref_lag_stored: 'De twee worden nu met {time} verschil aan elkaar gekoppeld; om dit verschil te gebruiken: {command}',
  ref_total: 'De tellerstand van de omvormer ({side}) steeg met {own}, die van de netbeheerder met {p1}.',
  ref_unexplained: '{energy} tussen de twee meters wordt door niets hiervan verklaard.',
  ref_netted:
    'De meter van de netbeheerder saldeert de drie fasen: wat de ene teruglevert terwijl de andere afneemt, kost niets. Elk apart geteld zou de afname {energy} hoger zijn.',
  ref_not_netted:
    'De meter van de netbeheerder telt elke fase apart: wat de ene teruglevert terwijl de andere afneemt, is allebei. Dat is {energy} meer afname dan gesaldeerd; een batterij helpt dus alleen op haar eigen fase.',
  ref_negative:
    'Op hetzelfde moment genomen is {before} van de verbruikscijfers onder nul; na het verschuiven {after}.',
  ref_negative_more: 'Misschien levert er achter dezelfde meter nog een andere opwekker terug.',
  ref_clock_ahead: 'De klok van de meter van de netbeheerder loopt {time} voor.',
  ref_clock_behind: 'De klok van de meter van de netbeheerder loopt {time} achter.',
  ref_clock_hour: 'De zomertijd ervan past niet bij de tijdzone van het huis.',
  ref_missing_inverter: { one: '{n} van {of} kwartieren heeft geen meting van de omvormer.', other: '{n} van {of} kwartieren hebben geen meting van de omvormer.' },
  ref_missing_p1: { one: '{n} van {of} kwartieren heeft geen meting van de netmeter.', other: '{n} van {of} kwartieren hebben geen meting van de netmeter.' },
  ref_peak_agrees: 'Ons hoogste kwartier komt overeen met de eigen piek van de meter van {month}, {meter}.',
  ref_peak_not_measured: 'De eigen piek van de meter van {month}, {meter}, is van een kwartier dat niet gelezen is.',
  ref_peak_boundary_missed:
    'Ons hoogste kwartier is {ours}, naast de eigen piek van de meter van {month}, {meter}, die telt: de meter is niet dicht genoeg bij de uiteinden van dat kwartier gelezen.',
};

learn(WORDS);
