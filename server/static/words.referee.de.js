// What the server found of the two meters of a house, in German: loaded where System shows it. Other languages have the
// same keys.

import { learn } from './language.js';

export const WORDS = {
  ref_side_import: 'Bezug',
  ref_side_export: 'Einspeisung',
  ref_cannot_no_meter:
    'Der Wechselrichter hat keinen eigenen Netzzähler, es gibt also nichts zu vergleichen: Bezug, Einspeisung und Verbrauch kommen vom Zähler des Netzbetreibers.',
  ref_cannot_no_inverter: 'Vom Wechselrichter gibt es aus dieser Zeit keine Messwerte.',
  ref_cannot_no_p1: 'Vom Zähler des Netzbetreibers gibt es aus dieser Zeit keine Messwerte.',
  ref_reversed:
    'Der Zähler des Wechselrichters ist verkehrt herum eingebaut: Er zeigt Bezug, wo der Zähler des Netzbetreibers Einspeisung zeigt. Hier stehen die Zahlen des umgedrehten Zählers.',
  ref_one_phase: 'Er misst nur Phase {phase}.',
  ref_phase_unseen: 'Phase {phase} misst er nicht.',
  ref_phase_reversed: 'Seine Klemme an Phase {phase} sitzt verkehrt herum.',
  ref_phase_elsewhere: 'Seine Klemme an Phase {phase} sitzt wohl an einer anderen Phase als seine Spannung.',
  ref_gain_unknown: 'Für einen Vergleich ({side}) ist zu wenig geschehen.',
  ref_gain_same: 'Der Zähler des Wechselrichters zeigt so viel {side} wie der des Netzbetreibers, ± {within}.',
  ref_gain_more: 'Der Zähler des Wechselrichters zeigt {share} mehr {side} als der des Netzbetreibers, ± {within}.',
  ref_gain_less: 'Der Zähler des Wechselrichters zeigt {share} weniger {side} als der des Netzbetreibers, ± {within}.',
  ref_offset_more: 'Außerdem zeigt er bei jeder Leistung {power} mehr.',
  ref_offset_less: 'Außerdem zeigt er bei jeder Leistung {power} weniger.',
  ref_gain_robust:
    'Einige auffällige Viertelstunden haben daran Anteil; ohne sie ist der Unterschied ({side}) {share}.',
  ref_lag_unknown: 'Wie viel später der Wechselrichter eine Änderung zeigt, ist nicht bekannt: {why}.',
  ref_why_not_enough: 'es ist zu wenig geschehen',
  ref_why_too_far: 'die beiden liegen mehr als 30 s auseinander',
  ref_lag_later: 'Der Wechselrichter zeigt eine Änderung {time} später als der Zähler des Netzbetreibers, ± {within}.',
  ref_lag_earlier:
    'Der Wechselrichter zeigt eine Änderung {time} früher als der Zähler des Netzbetreibers, ± {within}.',
  ref_lag_stored: 'Zurzeit werden beide mit {time} Abstand verbunden; um diesen Wert zu nehmen: {command}',
  ref_total: 'Der Zählerstand des Wechselrichters ({side}) stieg um {own}, der des Netzbetreibers um {p1}.',
  ref_unexplained: '{energy} zwischen den beiden Zählern erklärt nichts davon.',
  ref_netted:
    'Der Zähler des Netzbetreibers saldiert die drei Phasen: Was eine einspeist, während eine andere bezieht, kostet nichts. Jede für sich gezählt, wäre der Bezug {energy} höher.',
  ref_not_netted:
    'Der Zähler des Netzbetreibers zählt jede Phase für sich: Was eine einspeist, während eine andere bezieht, ist beides. Das sind {energy} mehr Bezug als saldiert; ein Speicher hilft also nur an seiner Phase.',
  ref_negative:
    'Zum selben Zeitpunkt genommen sind {before} der Verbrauchswerte unter null; nach dem Verschieben {after}.',
  ref_negative_more: 'Vielleicht speist hinter demselben Zähler noch ein Erzeuger ein.',
  ref_clock_ahead: 'Die Uhr des Zählers des Netzbetreibers geht {time} vor.',
  ref_clock_behind: 'Die Uhr des Zählers des Netzbetreibers geht {time} nach.',
  ref_clock_hour: 'Ihre Sommerzeit passt nicht zur Zeitzone des Hauses.',
  ref_missing_inverter: { one: '{n} von {of} Viertelstunden hat keinen Messwert des Wechselrichters.', other: '{n} von {of} Viertelstunden haben keinen Messwert des Wechselrichters.' },
  ref_missing_p1: { one: '{n} von {of} Viertelstunden hat keinen Messwert des Netzzählers.', other: '{n} von {of} Viertelstunden haben keinen Messwert des Netzzählers.' },
  ref_peak_agrees:
    'Unsere höchste Viertelstunde stimmt mit der Spitze überein, die der Zähler für {month} nennt: {meter}.',
  ref_peak_not_measured:
    'Die Spitze, die der Zähler für {month} nennt ({meter}), ist aus einer Viertelstunde, die nicht gelesen wurde.',
  ref_peak_boundary_missed:
    'Unsere höchste Viertelstunde ist {ours}; es gilt die Spitze des Zählers für {month}, {meter}: Er wurde nicht nahe genug an den Enden dieser Viertelstunde gelesen.',
};

learn(WORDS);
