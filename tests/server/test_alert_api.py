"""``/v1/alerts``, ``/v1/silences``, what ``/v1/realtime`` and ``/metrics`` say of alerts."""

import json
from datetime import timedelta

import pytest

from edge_lib.shared.timestamps import format_ts, parse_ts
from server.alerts.outcome import DELIVERED, Outcome
from server.api import open_alerts
from server.api.realtime import AHEAD
from tests.support.alert_world import World
from tests.support.batches import OTHER, OTHER_TOKEN, READ_TOKEN, TOKEN, app_on, assert_error
from tests.support.readings import connected, reading, store
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server
KEY = "a key of the tests that is long enough"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
READER = {"Authorization": f"Bearer {READ_TOKEN}"}
P1_TOKEN = "p1-token"
HERE = {"Sec-Fetch-Site": "same-origin"}


class Yes:
    def send(self, _):
        return Outcome(DELIVERED)


@pytest.fixture(scope="module")
def url(databases):
    return databases.migrated()


@pytest.fixture(scope="module")
def app(url, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("run"))
    tokens = f"{TOKEN}:{DEVICE},{OTHER_TOKEN}:{OTHER},{P1_TOKEN}:{DEVICE}/p1"
    return app_on(
        url, SECRET_KEY=KEY, METRICS_TOKEN="m", RUNTIME_DIRECTORY=folder, DEVICE_TOKENS=tokens
    )


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def world(url):
    world = World(url, {"ntfy": Yes(), "mail": Yes()})
    yield world
    world.run("TRUNCATE sungrow_alert_run, sungrow_silences")
    world.close()


def runs(world):
    world.run(
        "INSERT INTO sungrow_alert_run VALUES (true, %s, '{ntfy,mail}') ON CONFLICT DO NOTHING",
        world.now,
    )


def asked(client, path="/v1/alerts", headers=READER, **query):
    query.setdefault("device_id", DEVICE)
    answer = client.get(path, headers=headers, query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def window(world):
    return {"from": format_ts(world.now - timedelta(days=9)), "to": format_ts(world.now)}


def test_without_alerts_there_is_nothing(client, world):
    found = asked(client)
    assert (found["alerts"], found["silences"], found["channels"]) == ([], [], [])
    assert found["last_run_ts"] is None
    span = parse_ts(found["to"]) - parse_ts(found["from"])
    assert span == timedelta(days=30)


def test_an_episode_as_the_contract_names_it(client, world):
    runs(world)
    (id,) = world.opens(DEVICE)
    detail = {"title": "t", "text": "what to do", "values": {"minutes": 12}, "told_at": "x"}
    world.run("UPDATE sungrow_alerts SET detail = %s", json.dumps(detail))
    found = asked(client, **window(world))
    names = "id device_id rule key severity state since opened_at closed_at title text values"
    assert [list(one) for one in found["alerts"]] == [names.split()]
    (one,) = found["alerts"]
    assert (one["id"], one["state"], one["closed_at"]) == (id, "open", None)
    assert (one["text"], one["values"]) == ("what to do", {"minutes": 12})
    assert parse_ts(one["opened_at"]) == world.now


def test_of_what_belongs_to_the_server_everybody_reads_the_title_alone(client, world):
    world.opens("")
    world.run(
        "UPDATE sungrow_alerts SET detail = %s",
        json.dumps({"title": "disk", "text": "secret", "values": {"free": 1}}),
    )
    for device, headers in ((DEVICE, READER), (OTHER, {"Authorization": f"Bearer {OTHER_TOKEN}"})):
        (one,) = asked(client, headers=headers, device_id=device, **window(world))["alerts"]
        assert (one["device_id"], one["title"], one["text"]) == ("", "disk", None)
        assert one["values"] is None


def test_another_house_is_nobodys_business(client, world):
    world.opens(OTHER)
    assert asked(client, **window(world))["alerts"] == []
    answer = client.get("/v1/alerts", headers=BEARER, query_string={"device_id": OTHER})
    assert_error(answer, 403)


STATES = {
    "open": ["open", "clearing"],
    "closed": ["closed"],
    "pending": ["pending"],
    "clearing": ["clearing"],
    None: ["open", "clearing", "closed"],
}


@pytest.mark.parametrize("state", STATES)
def test_one_may_ask_for_a_state(client, world, state):
    for number, (name, is_open) in enumerate(
        [("open", True), ("clearing", True), ("closed", True), ("pending", False)]
    ):
        world.run(
            "INSERT INTO sungrow_alerts (device_id, rule, key, severity, state, since, opened_at,"
            " last_true_at, closed_at) VALUES (%s, 'cert', %s, 'warning', %s, %s, %s, %s, %s)",
            *(DEVICE, str(number), name, world.now, world.now if is_open else None, world.now),
            world.now if name == "closed" else None,
        )
    world.now += timedelta(minutes=1)
    query = window(world) | ({"state": state} if state else {})
    found = [one["state"] for one in asked(client, **query)["alerts"]]
    assert sorted(found) == sorted(STATES[state])


def test_what_never_opened_is_not_shown(client, world):
    (id,) = world.opens(DEVICE)
    world.ends(id, told=False)
    world.run("UPDATE sungrow_alerts SET opened_at = NULL")
    assert asked(client, **window(world))["alerts"] == []


@pytest.mark.parametrize(
    ("shift", "count"),
    [({"days": 0}, 1), ({"days": 8}, 1), ({"days": 12}, 0), ({"days": -3}, 0)],
)
def test_an_episode_is_shown_where_it_touches_the_range(client, world, shift, count):
    (id,) = world.opens(DEVICE)
    world.now += timedelta(days=1)
    world.ends(id)
    world.now += timedelta(**shift)
    assert len(asked(client, **window(world))["alerts"]) == count


def test_dates_are_those_of_the_house(client, world):
    world.run(
        "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Europe/Brussels')"
        " ON CONFLICT (device_id) DO UPDATE SET timezone = excluded.timezone",
        DEVICE,
    )
    found = asked(client, **{"from": "2026-03-29", "to": "2026-03-30"})
    assert parse_ts(found["from"]) == parse_ts("2026-03-28T23:00:00Z")
    assert parse_ts(found["to"]) == parse_ts("2026-03-29T22:00:00Z")
    asked(client, **{"from": "2025-06-01", "to": "2026-07-06"})  # 400 days


@pytest.mark.parametrize(
    "query",
    [
        {"state": "shut"},
        {"from": "yesterday"},
        {"to": "2026-13-01"},
        {"from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"},
        {"from": "2020-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"},
        {"from": "2025-06-01", "to": "2026-07-07"},
    ],
)
def test_a_malformed_question_is_named(client, query):
    assert_error(client.get("/v1/alerts", headers=BEARER, query_string=query), 422)


def test_the_channels_and_what_they_took(client, world):
    runs(world)
    world.opens(DEVICE)
    world.delivers()
    world.opens(DEVICE, rule="lost", channels=["mail"])
    world.run(
        "UPDATE sungrow_alert_outbox SET refused_at = %s, attempts = 1 WHERE channel = 'mail'"
        " AND delivered_at IS NULL",
        world.now + timedelta(minutes=1),
    )
    channels = asked(client)["channels"]
    told = {one["channel"]: one for one in channels}
    assert list(told) == ["ntfy", "mail"]
    assert parse_ts(told["ntfy"]["last_success_ts"]) == world.now
    assert (told["ntfy"]["waiting"], told["ntfy"]["broken"]) == (0, False)
    assert (told["mail"]["waiting"], told["mail"]["broken"]) == (1, True)
    assert told["mail"]["given_up"] == 0


# Silences.

GOOD = {"device_id": DEVICE, "minutes": 15, "why": "install-edge"}


def post(client, body=GOOD, headers=BEARER):
    return client.post("/v1/silences", headers=headers, json=body)


def test_a_device_may_be_silenced_for_an_hour_by_its_token(client, world):
    answer = post(client)
    assert answer.status_code == 200
    span = parse_ts(answer.json["to"]) - parse_ts(answer.json["from"])
    assert span == timedelta(minutes=15)
    (one,) = asked(client)["silences"]
    assert (one["id"], one["rule"], one["why"]) == (answer.json["id"], None, "install-edge")
    assert (one["from"], one["to"]) == (answer.json["from"], answer.json["to"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer nobody"}, 401),
        (READER, 403),
        ({"Authorization": f"Bearer {P1_TOKEN}"}, 403),
        ({"Authorization": f"Bearer {OTHER_TOKEN}"}, 403),
    ],
)
def test_nobody_else_may(client, world, headers, status):
    assert_error(post(client, headers=headers), status)
    assert world.run("SELECT count(*) FROM sungrow_silences") == [(0,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": 61},
        {"minutes": 1.5},
        {"minutes": True},
        {"minutes": "15"},
        {"minutes": None},
        {"why": ""},
        {"why": "x" * 201},
        {"why": "a\nb"},
        {"why": 7},
        {"device_id": 7},
        {"device_id": None},
    ],
)
def test_a_malformed_silence_is_refused(client, world, wrong):
    answer = post(client, GOOD | wrong)
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["body", next(iter(wrong))]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 422), (b"NaN", 400)])
def test_so_is_what_is_not_json(client, body, status):
    assert_error(client.post("/v1/silences", headers=BEARER, data=body), status)


def ends(client, id, headers):
    return client.delete(f"/v1/silences/{id}", headers=headers)


def test_its_token_ends_it_once(client, world):
    id = post(client).json["id"]
    assert ends(client, id, BEARER).status_code == 204
    assert asked(client)["silences"] == []
    assert_error(ends(client, id, BEARER), 404)


def test_so_does_the_page_but_no_other_site(client, world):
    login = client.post("/login", headers=HERE, data={"token": READ_TOKEN})
    assert login.status_code == 204
    id = post(client).json["id"]
    assert_error(ends(client, id, {}), 403)
    assert_error(ends(client, id, {"Sec-Fetch-Site": "cross-site"}), 403)
    assert_error(ends(client, id, {"Origin": "https://evil.example"}), 403)
    assert ends(client, id, HERE).status_code == 204
    assert_error(ends(client, id, HERE), 404)


def test_nobody_else_ends_it(client, world):
    id = post(client).json["id"]
    assert_error(ends(client, id, {}), 401)
    assert_error(ends(client, id, READER), 403)
    assert_error(ends(client, id, {"Authorization": f"Bearer {OTHER_TOKEN}"}), 404)
    assert len(asked(client)["silences"]) == 1


def test_one_of_all_houses_is_shown_and_ended_by_the_command_alone(client, world):
    ((id,),) = world.run(
        "INSERT INTO sungrow_silences (to_ts, why) VALUES (now() + interval '1 d', 'holiday')"
        " RETURNING id"
    )
    assert [one["id"] for one in asked(client)["silences"]] == [id]
    assert_error(ends(client, id, BEARER), 404)


@pytest.mark.parametrize("id", ["0", "9223372036854775808", "9" * 40])
def test_any_number_is_answered(client, world, id):
    assert_error(ends(client, id, BEARER), 404)


@pytest.mark.parametrize("id", ["x", "-1", "1.5", ""])
def test_what_is_no_number_is_no_silence(client, id):
    assert ends(client, id, BEARER).status_code in (404, 405)


# The header.


def newest(client):
    answer = client.get("/v1/realtime", headers=BEARER)
    assert answer.status_code == 200
    assert "alerts_open" not in answer.json
    return answer.headers.get("X-Alerts-Open")


def test_realtime_says_how_many_are_open_where_alerts_are_used(client, world, url, monkeypatch):
    monkeypatch.setattr(open_alerts, "FRESH_S", 0)
    monkeypatch.setattr(open_alerts, "UNUSED_S", 0)
    with connected(url) as connection:
        store(connection, DEVICE, [reading(world.now - AHEAD)])
    assert newest(client) is None
    world.opens(DEVICE)
    assert newest(client) is None, "nothing is looked for where nobody uses alerts"
    runs(world)
    assert newest(client) == "1"
    world.opens("", rule="server_disk")
    (mine,) = world.opens(DEVICE, rule="cert", severity="info")
    world.opens(OTHER)
    assert newest(client) == "2", "its own and the server's, and no notes"
    world.run("UPDATE sungrow_alerts SET state = 'closed', closed_at = now() WHERE id <> %s", mine)
    assert newest(client) == "0"


def test_realtime_asks_for_them_seldom(client, world, app, monkeypatch):
    asked = []
    rows = app.extensions["db"].rows
    monkeypatch.setattr(app.extensions["db"], "rows", lambda *a: asked.append(a[0]) or rows(*a))
    app.extensions["open_alerts"]._known.clear()
    for _ in range(5):
        newest(client)
    assert asked.count("sample-newest") == 5
    assert asked.count("alerts-count") == 1


def test_the_metrics_count_them(client, world):
    def lines():
        answer = client.get("/metrics", headers={"Authorization": "Bearer m"})
        return [line for line in answer.text.splitlines() if line.startswith("sungrow_alert")]

    assert lines() == []
    runs(world)
    world.opens(DEVICE)
    world.opens("", severity="warning")
    world.delivers()
    found = lines()
    assert 'sungrow_alerts_open{severity="critical"} 1' in found
    assert 'sungrow_alerts_open{severity="info"} 0' in found
    stamp = int(world.now.timestamp())
    assert f"sungrow_alerts_last_run_timestamp_seconds {stamp}" in found
    assert 'sungrow_alert_deliveries_total{channel="ntfy",result="delivered"} 2' in found
