"""Parameters of which the short run takes some, and the whole one all."""

from collections.abc import Iterable

import pytest


def quick(cases: Iterable, first: int = 1, every: int = 0) -> list:
    """Return the cases for ``parametrize``, the ``first`` ones and each ``every``-th for both runs.

    The others are marked as slow: ``tests/run --fast`` leaves them out.
    """
    return [
        _parameter(case, () if at < first or (every and at % every == 0) else (pytest.mark.slow,))
        for at, case in enumerate(cases)
    ]


def short(cases: Iterable, every: int, first: int = 0) -> list:
    """Return the cases for ``parametrize``, each ``every``-th from ``first`` on for both runs.

    The others are marked as long: only ``tests/run --long`` runs them.
    """
    return [
        _parameter(case, () if at % every == first else (pytest.mark.long,))
        for at, case in enumerate(cases)
    ]


def _parameter(case: object, marks: tuple) -> object:
    # A named tuple is one value: only a plain one holds a value for each name.
    return pytest.param(*(case if type(case) is tuple else (case,)), marks=marks)
