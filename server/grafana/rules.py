"""Alert rules, for those whom Grafana tells; ``server.alerts`` judges more, and needs none.

A rule knows no variable of a dashboard: its query lists the houses that are wrong, with a number.
None is well.
"""

from typing import Any, NamedTuple

from server.grafana.queries import query


class Rule(NamedTuple):
    """One rule; its query is ``sql/alert-NAME.sql``."""

    name: str
    title: str
    summary: str
    wait: str
    severity: str
    limit: float = 0


# By how often it is asked: what is quick to find, and what need not be known at once.
GROUPS = {
    "1m": (
        Rule("silent", "A house is silent", "no reading for ten minutes", "2m", "critical"),
        Rule("waiting", "Readings wait at the edge", "more than 120 wait", "30m", "warning"),
        Rule("peak", "The month's peak is near", "nine tenths of it are reached", "0s", "info"),
    ),
    "15m": (
        Rule(
            "lost", "Readings were lost", "readings of the last 7 days are lost", "0s", "critical"
        ),
        Rule("parked", "Readings cannot be stored", "readings were parked today", "0s", "warning"),
        Rule("health", "The battery's health falls", "2 points within a week", "0s", "warning"),
        Rule("meters", "Two meters disagree", "on yesterday's import", "0s", "warning"),
    ),
}


def provisioned() -> dict[str, Any]:
    """Return what Grafana reads from ``provisioning/alerting/``."""
    groups = [
        {
            "orgId": 1,
            "name": f"sungrow-{every}",
            "folder": "Sungrow",
            "interval": every,
            "rules": [_provisioned(rule) for rule in rules],
        }
        for every, rules in GROUPS.items()
    ]
    return {"apiVersion": 1, "groups": groups}


def _provisioned(rule: Rule) -> dict[str, Any]:
    asked = {
        "refId": "A",
        "format": "table",
        "rawQuery": True,
        "editorMode": "code",
        "rawSql": query(f"alert-{rule.name}"),
    }
    judged = {
        "refId": "C",
        "type": "threshold",
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [rule.limit]}}],
    }
    span = {"from": 600, "to": 0}
    return {
        "uid": f"sungrow-{rule.name}",
        "title": rule.title,
        "condition": "C",
        "data": [
            {"refId": "A", "relativeTimeRange": span, "datasourceUid": "sungrow", "model": asked},
            {"refId": "C", "relativeTimeRange": span, "datasourceUid": "__expr__", "model": judged},
        ],
        "for": rule.wait,
        # No row means that no house is wrong.
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity},
        # Not $labels: a dollar in a provisioned file may be read as a variable of the environment.
        "annotations": {"summary": "{{ .Labels.device_id }}: " + rule.summary},
    }
