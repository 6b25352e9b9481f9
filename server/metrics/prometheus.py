"""Prometheus' text format, version 0.0.4: numbers with a name, a kind, a sentence, and labels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Metric(NamedTuple):
    """One metric: its values by their labels. Without values it is left out."""

    name: str
    kind: str  # counter or gauge
    about: str
    values: Sequence[tuple[Mapping[str, object], float]]


def alone(name: str, about: str, value: float | None) -> Metric:
    """Return a gauge of one value without labels, left out if it is None."""
    return Metric(name, "gauge", about, [] if value is None else [({}, value)])


def text(metrics: Iterable[Metric]) -> str:
    """Return the whole page."""
    return "".join(_lines(metric) for metric in metrics if metric.values)


def _lines(metric: Metric) -> str:
    head = f"# HELP {metric.name} {metric.about}\n# TYPE {metric.name} {metric.kind}\n"
    return head + "".join(
        f"{metric.name}{_labels(labels)} {_number(value)}\n" for labels, value in metric.values
    )


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{k}="{str(v).translate(_ESCAPED)}"' for k, v in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
