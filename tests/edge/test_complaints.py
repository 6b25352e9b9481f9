"""What the edge complains of, in ``status``, in ``doctor`` and in systemd's line."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.health import complaints, complaints_by_part, line
from edge_lib.shared.timestamps import format_ts

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def seconds_ago(seconds: float) -> str:
    return format_ts(NOW - timedelta(seconds=seconds))


WELL = {
    "last_poll_ts": seconds_ago(3),
    "last_upload_ts": seconds_ago(5),
    "spool_count": 2,
    "oldest_unsent_ts": seconds_ago(8),
    "clock_synced": True,
}


def test_a_healthy_edge_complains_of_nothing():
    assert complaints(WELL, NOW) == []
    assert line(WELL, NOW) == f"last reading {WELL['last_poll_ts']}; 2 waiting"


def test_a_service_that_does_not_run_is_named_before_all_else():
    assert complaints(WELL, NOW, runs=True) == []
    stopped = (
        "the service does not run (it last wrote x); systemctl status sungrow-edge says why, "
        "systemctl start sungrow-edge starts it"
    )
    assert complaints(WELL | {"written_ts": "x"}, NOW, runs=False) == [stopped]
    assert complaints(WELL, NOW, runs=False) == [stopped.replace(" (it last wrote x)", "")]
    old = WELL | {"last_poll_ts": seconds_ago(3600), "last_p1_ts": seconds_ago(3600)}
    waits = old | {"written_ts": "x", "oldest_unsent_ts": seconds_ago(3600)}
    assert complaints(waits, NOW, runs=False) == [
        stopped,
        f"readings wait since {seconds_ago(3600)}: a backlog is being sent",
    ]
    assert len(complaints(old, NOW, runs=True)) == 2


@pytest.mark.parametrize(
    "error",
    [
        "http_401: the server does not know the token",
        "http_403: the token may not write for this device",
        "http_404: there is no ingest at this address",
        "redirect: the server sends us elsewhere",
        "held: too many samples refused",
        "tls: no TLS connection",
        "tls_name: its certificate is for another name",
        "tls_unknown_ca: signed by an authority unknown here",
        "tls_expired: its certificate has expired",
        "ca_file: no certificates to verify the server with",
        "url: the address cannot be used",
    ],
)
@pytest.mark.parametrize("oldest", [seconds_ago(8), None])
def test_what_only_a_human_can_mend_is_said_at_once(error, oldest):
    state = WELL | {"last_upload_error": error, "oldest_unsent_ts": oldest}
    assert complaints_by_part(state, NOW)["upload"] == [f"nothing can be delivered: {error}"]
    assert line(state, NOW).endswith(f"nothing can be delivered: {error}")
    old = state | {"oldest_unsent_ts": seconds_ago(700)}
    assert complaints(old, NOW) == [f"readings wait since {seconds_ago(700)}: {error}"]


@pytest.mark.parametrize(
    "error",
    [
        "dns: the name cannot be resolved",
        "refused: nothing listens there",
        "timeout: no complete answer in time",
        "http_503: the server cannot take the batch now",
    ],
)
def test_what_may_pass_is_said_at_once_and_makes_ill_after_ten_minutes_alone(error):
    state = WELL | {"last_upload_error": error}
    assert complaints(state, NOW) == []
    assert line(state, NOW).endswith(f"; the last delivery failed: {error}")
    late = state | {"oldest_unsent_ts": seconds_ago(601)}
    assert complaints(late, NOW) == [f"readings wait since {seconds_ago(601)}: {error}"]
    assert line(late, NOW).count(error) == 1


@pytest.mark.parametrize("error", ["dns: the name cannot be resolved", "tls_name: another name"])
def test_a_clock_that_nobody_set_does_not_hide_why_the_server_cannot_be_asked(error):
    # Readings whose time is not known do not count as unsent.
    state = WELL | {"clock_synced": False, "oldest_unsent_ts": None, "last_upload_error": error}
    assert " ".join(complaints(state, NOW)).count(error) == 1
    assert "the clock is not synchronised" in " ".join(complaints(state, NOW))
    assert line(state, NOW).count(error) == 1


@pytest.mark.parametrize("last", [None, seconds_ago(61)])
def test_polls_that_make_no_sample_are_no_health(last):
    state = WELL | {"last_poll_ts": last, "last_poll_error": "no_sample: 13008 not read"}
    (said,) = complaints(state, NOW)
    assert said == "no poll made a sample within a minute: no_sample: 13008 not read"
    assert said in line(state, NOW)
