// What the server found of the two meters of a house, in French: loaded where System shows it. Other languages have the
// same keys.

import { learn } from './language.js';

export const WORDS = {
  ref_side_import: 'soutirage',
  ref_side_export: 'injection',
  ref_cannot_no_meter:
    'L’onduleur n’a pas son propre compteur, il n’y a donc rien à comparer\u00a0: soutirage, injection et consommation viennent du compteur du réseau.',
  ref_cannot_no_inverter: 'Il n’y a pas de mesures de l’onduleur pour cette période.',
  ref_cannot_no_p1: 'Il n’y a pas de mesures du compteur du réseau pour cette période.',
  ref_reversed:
    'Le compteur de l’onduleur est monté à l’envers\u00a0: il indique du soutirage là où le compteur du réseau indique de l’injection. Les chiffres sont ceux du compteur retourné.',
  ref_one_phase: 'Il ne mesure que la phase {phase}.',
  ref_phase_unseen: 'Il ne mesure pas la phase {phase}.',
  ref_phase_reversed: 'Sa pince sur la phase {phase} est montée à l’envers.',
  ref_phase_elsewhere: 'Sa pince sur la phase {phase} semble être sur une autre phase que sa tension.',
  ref_gain_unknown: 'Il s’est passé trop peu de choses pour comparer ({side}).',
  ref_gain_same: 'Le compteur de l’onduleur indique autant de {side} que celui du réseau, ± {within}.',
  ref_gain_more: 'Le compteur de l’onduleur indique {share} de plus ({side}) que celui du réseau, ± {within}.',
  ref_gain_less: 'Le compteur de l’onduleur indique {share} de moins ({side}) que celui du réseau, ± {within}.',
  ref_offset_more: 'De plus, il indique {power} de plus à toute puissance.',
  ref_offset_less: 'De plus, il indique {power} de moins à toute puissance.',
  ref_gain_robust:
    'Quelques quarts d’heure inhabituels y contribuent\u00a0; sans eux la différence ({side}) est de {share}.',
  ref_lag_unknown: 'On ne sait pas avec quel retard l’onduleur montre un changement\u00a0: {why}.',
  ref_why_not_enough: 'il s’est passé trop peu de choses',
  ref_why_too_far: 'les deux diffèrent de plus de 30 s',
  ref_lag_later: 'L’onduleur montre un changement {time} plus tard que le compteur du réseau, ± {within}.',
  ref_lag_earlier: 'L’onduleur montre un changement {time} plus tôt que le compteur du réseau, ± {within}.',
  ref_lag_stored: 'Les deux sont associés avec {time} d’écart\u00a0; pour prendre cette valeur\u00a0: {command}',
  ref_total: 'L’index de l’onduleur ({side}) a augmenté de {own}, celui du réseau de {p1}.',
  ref_unexplained: '{energy} d’écart entre les deux compteurs restent inexpliqués.',
  ref_netted:
    'Le compteur du réseau compense les trois phases\u00a0: ce que l’une injecte pendant qu’une autre soutire ne coûte rien. Comptées une à une, le soutirage serait de {energy} de plus.',
  ref_not_netted:
    'Le compteur du réseau compte chaque phase à part\u00a0: ce que l’une injecte pendant qu’une autre soutire compte deux fois. Cela fait {energy} de soutirage de plus, et une batterie n’aide que sur sa phase.',
  ref_negative: 'Pris au même instant, {before} des valeurs de consommation sont négatives\u00a0; après décalage {after}.',
  ref_negative_more: 'Un autre générateur injecte peut-être derrière le même compteur.',
  ref_clock_ahead: 'L’horloge du compteur du réseau avance de {time}.',
  ref_clock_behind: 'L’horloge du compteur du réseau retarde de {time}.',
  ref_clock_hour: 'Son heure d’été ne correspond pas au fuseau de la maison.',
  ref_missing_inverter: { one: '{n} quart d’heure sur {of} est sans mesure de l’onduleur.', other: '{n} quarts d’heure sur {of} sont sans mesure de l’onduleur.' },
  ref_missing_p1: { one: '{n} quart d’heure sur {of} est sans mesure du compteur du réseau.', other: '{n} quarts d’heure sur {of} sont sans mesure du compteur du réseau.' },
  ref_peak_agrees: 'Notre quart d’heure le plus haut correspond à la pointe du compteur pour {month}, {meter}.',
  ref_peak_not_measured: 'La pointe du compteur pour {month}, {meter}, est d’un quart d’heure qui n’a pas été lu.',
  ref_peak_boundary_missed:
    'Notre quart d’heure le plus haut est de {ours}, mais la pointe du compteur pour {month}, {meter}, fait foi\u00a0: il n’a pas été lu assez près des bornes de ce quart d’heure.',
};

learn(WORDS);
