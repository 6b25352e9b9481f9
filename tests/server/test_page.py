"""The page's server half: its frame and files, login, logout, and what its session may do."""

import gzip
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import TimestampSigner

from edge_lib.shared.timestamps import format_ts
from server.api.limiter import BAD_TOKENS
from server.auth.session import COOKIE, LIFETIME_S, RENEW_AFTER_S
from server.page import FOLDER
from tests.support.batches import (
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    LogLines,
    app_on,
    assert_error,
    get,
    post,
)
from tests.support.samples import DEVICE, a_sample

KEY = "a key of the tests that is long enough"
HOST = "https://house.example.org"
HERE = {"Sec-Fetch-Site": "same-origin"}
FIRST_VIEW_BYTES = 80_000


@pytest.fixture
def client(database_url):
    return app_on(database_url, SECRET_KEY=KEY).test_client()


def log_in(client, token: str = READ_TOKEN, **headers: str):
    headers = {name.replace("_", "-"): value for name, value in headers.items()} or HERE
    return client.post("/login", data={"token": token}, headers=headers, base_url=HOST)


def ask(client, path: str, **headers: str):
    return client.get(path, base_url=HOST, headers=headers)


def cookie_of(answer) -> str:
    return answer.headers["Set-Cookie"]


def test_without_a_key_there_is_no_page(database_url):
    client = app_on(database_url).test_client()
    for path in ("/", "/login", "/static/x/app.js"):
        assert_error(client.get(path), 404)
    assert_error(client.post("/login", data={"token": READ_TOKEN}), 404)


@pytest.mark.parametrize("key", ["brief", "x" * 31])
def test_a_short_key_is_refused_at_the_start(database_url, key):
    with LogLines() as log, pytest.raises(SystemExit):
        app_on(database_url, SECRET_KEY=key)
    (line,) = log.fields()
    assert "SECRET_KEY" in line["reason"]
    assert key not in line["reason"]


def test_the_key_may_come_from_a_file(database_url, tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    assert app_on(database_url, SECRET_KEY_FILE=str(path)).test_client().get("/").status_code == 200


def test_a_login_sets_a_cookie_that_no_script_and_no_other_site_can_use(client):
    answer = log_in(client)
    assert (answer.status_code, answer.data) == (204, b"")
    cookie = cookie_of(answer)
    name, _, rest = cookie.partition("=")
    assert name == COOKIE
    assert name.startswith("__Host-")
    parts = {part.strip() for part in rest.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= parts
    assert f"Max-Age={LIFETIME_S}" in parts
    assert not any(part.startswith("Domain") for part in parts)
    assert READ_TOKEN not in cookie


def test_the_session_reads_whatever_its_token_reads(client):
    post(client, {"samples": [a_sample()]})
    log_in(client)
    asked = f"device_id={DEVICE}"
    for path in (
        f"/v1/realtime?{asked}",
        f"/v1/series?frame=day&{asked}",
        f"/v1/completeness?{asked}",
        f"/v1/status?{asked}",
        "/v1/devices",
    ):
        assert ask(client, path).status_code == 200, path
    assert_error(ask(client, "/v1/realtime?device_id=elsewhere"), 403)


def test_the_session_never_writes(client):
    log_in(client)
    answer = client.post("/v1/ingest", json={"samples": []}, base_url=HOST, headers=HERE)
    assert_error(answer, 401)


# What a proxy in front of the server adds to each request, or has a browser send with it.
FOREIGN = [
    "Basic dTpw",
    "Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+gJDAi",
    'Digest username="u", realm="r", nonce="n", uri="/", response="r"',
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl",
    "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
    "Bearer",
    "Bearer two words",
    "Bearer nobody, Basic dTpw",
    "",
    "x",
]


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_beside_a_foreign_header_the_session_counts_and_nobody_guesses(client, header, method):
    post(client, {"samples": [a_sample()]})
    log_in(client)
    for _ in range(BAD_TOKENS + 2):
        for path in ("/v1/devices", f"/v1/realtime?device_id={DEVICE}"):
            answer = client.open(
                path, method=method, base_url=HOST, headers={"Authorization": header}
            )
            assert answer.status_code == 200, answer.text
    assert ask(client, "/login", Authorization=header).json == {"logged_in": True}
    plain = client.application.test_client(use_cookies=False)
    answer = plain.get("/v1/devices", headers={"Authorization": "Bearer guess"})
    assert_error(answer, 401)  # and no 429, as so many guesses from here would make of it


@pytest.mark.parametrize("header", FOREIGN)
def test_beside_a_foreign_header_the_session_still_never_writes(client, header):
    log_in(client)
    headers = HERE | {"Authorization": header}
    answer = client.post("/v1/ingest", json={"samples": []}, base_url=HOST, headers=headers)
    assert_error(answer, 401)


@pytest.mark.parametrize("header", FOREIGN)
def test_without_a_session_a_foreign_header_is_a_guess(client, header):
    for _ in range(BAD_TOKENS):
        assert_error(ask(client, "/v1/devices", Authorization=header), 401)
    assert_error(ask(client, "/v1/devices", Authorization=header), 429)
    assert ask(client, "/login", Authorization=header).json == {"logged_in": False}


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "é.é.é"])
def test_a_cookie_that_is_worth_nothing_does_not_make_a_guess_less_of_one(client, cookie):
    headers = {"Authorization": "Bearer guess", "Cookie": f"{COOKIE}={cookie}"}
    plain = client.application.test_client(use_cookies=False)
    answers = [plain.get("/v1/devices", headers=headers).status_code for _ in range(25)]
    assert answers == [401] * BAD_TOKENS + [429] * 5


def test_a_bearer_token_counts_before_the_session(client):
    log_in(client)
    bad = ask(client, "/v1/realtime", Authorization="Bearer nobody")
    assert_error(bad, 401)
    assert_error(
        ask(client, f"/v1/realtime?device_id={DEVICE}", Authorization=f"Bearer {OTHER_TOKEN}"), 403
    )
    assert get(client, "/v1/devices", TOKEN).json["devices"][0]["device_id"] == DEVICE


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "a.b.c", "\u20ac", "ff" * 32, "x" * 4000, "é.é.é", '"', "%00.%00.%00"],
)
def test_a_cookie_that_we_never_made_is_nobodys(client, cookie):
    answer = client.get("/v1/devices", headers={"Cookie": f"{COOKIE}={cookie}".encode()})
    assert_error(answer, 401)


def test_a_cookie_signed_with_another_key_is_nobodys(client, database_url):
    other = app_on(database_url, SECRET_KEY=KEY[::-1]).test_client()
    stolen = cookie_of(log_in(other)).split(";")[0]
    assert_error(client.get("/v1/devices", headers={"Cookie": stolen}), 401)


def test_logout_ends_the_session_in_this_browser(client):
    log_in(client)
    answer = client.post("/logout", headers=HERE, base_url=HOST)
    assert answer.status_code == 204
    assert re.search(r"Max-Age=0|Expires=Thu, 01 Jan 1970", cookie_of(answer))
    assert_error(ask(client, "/v1/devices"), 401)


def test_a_session_dies_with_its_token(database_url, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"mine:{DEVICE},theirs:{DEVICE}")
    path.chmod(0o600)
    app = app_on(database_url, SECRET_KEY=KEY, READ_TOKENS="", READ_TOKENS_FILE=str(path))
    mine, theirs = app.test_client(), app.test_client()
    assert log_in(mine, "mine").status_code == 204
    assert log_in(theirs, "theirs").status_code == 204
    path.write_text(f"theirs:{DEVICE}")
    assert_error(ask(mine, "/v1/devices"), 401)
    assert ask(theirs, "/v1/devices").status_code == 200


def test_a_session_dies_when_its_token_becomes_a_devices(database_url, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"mine:{DEVICE}")
    path.chmod(0o600)
    client = app_on(
        database_url, SECRET_KEY=KEY, READ_TOKENS="", READ_TOKENS_FILE=str(path)
    ).test_client()
    log_in(client, "mine")
    moved = app_on(database_url, SECRET_KEY=KEY, DEVICE_TOKENS=f"mine:{DEVICE}").test_client()
    cookie = client.get_cookie(COOKIE, domain="house.example.org").value
    assert_error(moved.get("/v1/devices", headers={"Cookie": f"{COOKIE}={cookie}"}), 401)


def aged(client, seconds: float) -> str:
    """Return the session as it would be, had it begun so long ago."""
    value = client.get_cookie(COOKIE, domain="house.example.org").value

    class Then(TimestampSigner):
        def get_timestamp(self) -> int:
            return int((datetime.now(UTC) - timedelta(seconds=seconds)).timestamp())

    signer = Then(KEY, salt="sungrow session", digest_method=hashlib.sha256)
    return signer.sign(value.partition(".")[0]).decode()


def test_a_session_that_nobody_used_for_long_is_over(client):
    log_in(client)
    young = {"Cookie": f"{COOKIE}={aged(client, LIFETIME_S - 60)}"}
    old = {"Cookie": f"{COOKIE}={aged(client, LIFETIME_S + 60)}"}
    plain = client.application.test_client(use_cookies=False)
    assert plain.get("/v1/devices", headers=young).status_code == 200
    assert_error(plain.get("/v1/devices", headers=old), 401)


def test_a_session_in_use_is_renewed_once_a_day(client):
    log_in(client)
    fresh = {"Cookie": f"{COOKIE}={aged(client, 60)}"}
    yesterdays = {"Cookie": f"{COOKIE}={aged(client, RENEW_AFTER_S + 60)}"}
    plain = client.application.test_client(use_cookies=False)
    assert "Set-Cookie" not in plain.get("/", headers=fresh).headers
    renewed = cookie_of(plain.get("/", headers=yesterdays)).split(";")[0]
    assert plain.get("/v1/devices", headers={"Cookie": renewed}).status_code == 200


@pytest.mark.parametrize("token", ["", "nobody", "sha256$" + "0" * 64, "\u20ac", "x" * 3000])
def test_a_wrong_token_is_401_and_sets_nothing(client, token):
    answer = log_in(client, token)
    assert_error(answer, 401)
    assert "Set-Cookie" not in answer.headers


def test_a_devices_token_does_not_log_in(client):
    answer = log_in(client, TOKEN)
    assert_error(answer, 403)
    assert "READ_TOKENS" in answer.json["detail"]
    assert "Set-Cookie" not in answer.headers


def test_guessing_is_slowed_down_and_a_good_token_is_not(client):
    answers = [log_in(client, f"guess-{n}").status_code for n in range(25)]
    assert answers.count(429) == 5
    assert log_in(client, "guess").headers["Retry-After"]
    assert log_in(client).status_code == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "same-origin", "Origin": HOST}, 204),
        ({"Origin": HOST}, 204),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": HOST}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://elsewhere.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": HOST + ".evil.org"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_only_the_page_itself_logs_in_and_out(client, path, headers, status):
    answer = client.post(path, data={"token": READ_TOKEN}, headers=headers, base_url=HOST)
    assert answer.status_code == status
    assert ("Set-Cookie" in answer.headers) == (status == 204)


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 401),
        (b"token=" + b"x" * 5000, "application/x-www-form-urlencoded", 413),
        (b"--x\r\n", "multipart/form-data; boundary=x", 401),
        (b'{"token": "read-both"}', "application/json", 401),
        (b"&=&=&", "", 401),
    ],
)
def test_no_form_is_an_error_of_the_servers(client, data, content_type, status):
    answer = client.post(
        "/login", data=data, headers={**HERE, "Content-Type": content_type}, base_url=HOST
    )
    assert_error(answer, status)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"token": "guess"}, "unknown token"),
        ({"token": " "}, "the form field token is missing or empty"),
        ({"Token": READ_TOKEN}, "the form field token is missing or empty"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_of_the_form(client, data, detail):
    answer = client.post("/login", data=data, headers=HERE, base_url=HOST)
    assert_error(answer, 401)
    assert answer.json["detail"] == detail


def test_the_browser_can_ask_whether_it_is_logged_in_without_an_error(client):
    assert ask(client, "/login").json == {"logged_in": False}
    assert b'data-logged-in="no"' in ask(client, "/").data
    log_in(client)
    assert ask(client, "/login").json == {"logged_in": True}
    assert b'data-logged-in="yes"' in ask(client, "/").data


def test_the_page_may_load_from_here_alone_and_runs_no_inline_script(client):
    answer = ask(client, "/")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    for kind in ("script-src", "style-src", "img-src", "connect-src"):
        assert policy[kind] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    html = answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r"https?://", html)


def test_no_file_of_the_page_names_another_host():
    for path in (path for path in FOLDER.iterdir() if path.suffix != ".png"):
        hosts = set(re.findall(r"https?://[^\s'\"`)<]+", path.read_text()))
        assert hosts <= {"http://www.w3.org/2000/svg"}, path.name


def test_no_file_of_the_page_reads_html_or_keeps_a_token():
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|"
        r"localStorage|sessionStorage|indexedDB|document\.cookie"
    )
    keeps = "remember.js"  # which house was chosen, and for which version it last loaded again
    for path in FOLDER.glob("*.js"):
        found = set(re.findall(forbidden, path.read_text()))
        assert found <= ({"localStorage", "sessionStorage"} if path.name == keeps else set()), path
    used = {
        name
        for path in FOLDER.glob("*.js")
        for name in re.findall(r"\b(?:remember|note)\('(\w+)'", path.read_text())
    }
    assert used == {"device", "version", "loaded_again"}


def files_of(client) -> list[str]:
    return sorted(set(re.findall(r'"(/static/[^"]+)"', ask(client, "/").text)))


def test_scripts_are_sent_without_comments_and_are_otherwise_the_files(client):
    folder = files_of(client)[0].rpartition("/")[0]
    for path in FOLDER.glob("*.js"):
        sent = ask(client, f"{folder}/{path.name}").text.split("\n")
        written = path.read_text().split("\n")
        assert len(sent) == len(written)
        for line, of_file in zip(sent, written, strict=True):
            code = re.sub(r"^ *//.*| // [^'\"`]*$", "", of_file)
            assert line == code.lstrip(" ")
            # In a text of several lines, blanks and slashes would belong to it.
            assert of_file.count("`") % 2 == 0, (path.name, of_file)


def test_the_style_sheet_is_sent_without_comments(client):
    path = next(path for path in files_of(client) if path.endswith(".css"))
    sent = ask(client, path).text
    assert "/*" not in sent
    assert "*/" not in sent
    written = re.sub(r"/\*.*?\*/", "", (FOLDER / "page.css").read_text(), flags=re.DOTALL)
    assert [line.strip() for line in written.splitlines() if line.strip()] == [
        line for line in sent.splitlines() if line.strip()
    ]


def test_every_file_may_be_kept_for_ever_under_an_address_of_its_version(client):
    folder = files_of(client)[0].rpartition("/")[0]
    for path in (f"{folder}/{file.name}" for file in FOLDER.iterdir()):
        answer = ask(client, path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["Cache-Control"]
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_a_file_asked_for_under_another_version_is_served_but_not_kept(client):
    answer = ask(client, "/static/0000/app.js")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/static/x/nothing.js", "/static/x/..%2fpage.py", "/static/"])
def test_there_are_no_other_files(client, path):
    assert_error(ask(client, path), 404)


def test_files_are_compressed_for_who_takes_it(client):
    path = next(path for path in files_of(client) if path.endswith("app.js"))
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers


def test_frame_and_files_stay_far_below_the_limit_of_the_first_view(client):
    paths = ["/", *files_of(client)]
    sizes = {
        path: len(client.get(path, headers={"Accept-Encoding": "gzip"}).data) for path in paths
    }
    assert len(sizes) > 15
    assert sum(sizes.values()) < FIRST_VIEW_BYTES * 0.85, sizes


def test_status_is_empty_before_the_first_report(client):
    answer = get(client, f"/v1/status?device_id={DEVICE}", READ_TOKEN).json
    assert answer["report"] is None
    assert answer["last_24_h"] == {"polled": 0, "failed": 0, "failed_reasons": {}}
    assert (answer["parked"], answer["newest_parked"]) == (0, [])


def test_status_tells_what_the_edge_reported_and_what_is_parked(database_url):
    client = app_on(database_url).test_client()
    now = datetime.now(UTC)
    slots = [now - timedelta(minutes=30), now - timedelta(minutes=15), now - timedelta(hours=30)]
    reports = [
        {
            "boot": "aa",
            "slot": slot.isoformat(),
            "polled": 10 * (n + 1),
            "failed": {"timeout": n + 1, "reset": 1},
            "waiting": 7,
            "parked": 2,
            "clock": "synchronised",
        }
        for n, slot in enumerate(slots)
    ]
    parked = [{"boot": "aa", "seq": n, "reason": f"reason {n}", "content": {}} for n in range(12)]
    answer = post(client, {"samples": [], "reports": reports, "parked": parked})
    assert answer.status_code == 200
    status = get(client, f"/v1/status?device_id={DEVICE}", READ_TOKEN).json
    assert status["report"]["waiting"] == 7
    assert status["report"]["clock"] == "synchronised"
    assert status["last_24_h"] == {
        "polled": 30,
        "failed": 5,
        "failed_reasons": {"reset": 2, "timeout": 3},
    }
    assert status["parked"] == 12
    assert [row["reason"] for row in status["newest_parked"]][:2] == ["reason 11", "reason 10"]
    assert len(status["newest_parked"]) == 10


def test_status_tells_the_same_of_the_grid_meter(databases):
    client = app_on(databases.migrated()).test_client()
    assert get(client, "/v1/status").json["p1"] is None
    now = datetime.now(UTC).replace(microsecond=0)
    report = {"boot": "aa", "slot": (now - timedelta(hours=1)).isoformat()}
    of_p1 = report | {"kind": "p1", "polled": 9, "failed": {"crc": 2}, "waiting": 3, "parked": 1}
    parked = {"boot": "aa", "reason": "not of the meter", "content": {}}
    of_the_meter = parked | {"kind": "p1", "seq": 2, "reason": "of the meter"}
    newest = now - timedelta(minutes=5)
    answer = post(
        client,
        {
            "samples": [],
            "p1_samples": [{"device_id": DEVICE, "ts": newest.isoformat(), "power_w": 1}],
            "reports": [report | {"polled": 70, "waiting": 5}, of_p1],
            "parked": [parked | {"seq": 1}, of_the_meter],
        },
    )
    assert answer.status_code == 200
    status = get(client, "/v1/status").json
    p1 = status["p1"]
    assert (status["last_24_h"]["polled"], status["report"]["waiting"]) == (70, 5)
    assert p1["last_24_h"] == {"polled": 9, "failed": 2, "failed_reasons": {"crc": 2}}
    assert (p1["report"]["waiting"], p1["report"]["parked"]) == (3, 1)
    assert [row["reason"] for row in p1["newest_parked"]] == ["of the meter"]
    assert (status["parked"], p1["parked"], p1["lost"]) == (1, 1, 0)
    assert p1["newest_ts"] == format_ts(newest)
    assert 299 < p1["age_s"] < 400


@pytest.mark.parametrize("ahead", ["2120-01-18T00:00:00Z", "9999-12-31T23:45:00Z", "soon"])
def test_slots_of_the_future_are_none_of_the_last_24_hours(databases, ahead):
    client = app_on(databases.migrated()).test_client()
    now = datetime.now(UTC)
    slot = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    slots = {
        slot.isoformat(): 7,
        (slot + timedelta(minutes=15)).isoformat() if ahead == "soon" else ahead: 5,
        "0001-01-01T00:00:00Z": 3,
    }
    reports = [
        {"boot": "aa", "slot": at, "polled": polled, "failed": {"x": polled}, "waiting": polled}
        for at, polled in slots.items()
    ]
    assert post(client, {"samples": [a_sample()], "reports": reports}).status_code == 200
    status = get(client, "/v1/status").json
    assert status["last_24_h"] == {"polled": 7, "failed": 7, "failed_reasons": {"x": 7}}
    assert status["report"]["waiting"] == 7


OF_ALL_TIMES = ("0001-01-01T00:00:00Z", "2120-01-18T00:00:00Z", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize("first", OF_ALL_TIMES)
@pytest.mark.parametrize("last", OF_ALL_TIMES)
def test_reports_gaps_and_parked_ones_of_any_time_break_no_answer(databases, tmp_path, first, last):
    settings = {"METRICS_TOKEN": "m", "RUNTIME_DIRECTORY": str(tmp_path)}
    client = app_on(databases.migrated("Europe/Berlin"), **settings).test_client()
    parts = {
        "reports": [{"boot": "aa", "slot": at, "polled": 1, "waiting": 1} for at in (first, last)],
        "gaps": [{"from_ts": first, "to_ts": last, "cause": "thinned", "count": 3}],
        "parked": [{"boot": "aa", "seq": 1, "ts": first, "reason": "r", "content": {}}],
    }
    now = datetime.now(UTC)
    sample = a_sample(ts=now.isoformat(), boot="aa", seq=9)
    assert post(client, {"samples": [sample], **parts}).status_code == 200
    span = f"from={now - timedelta(days=2):%Y-%m-%d}&to={now + timedelta(days=2):%Y-%m-%d}"
    for path in (
        "/v1/status",
        "/v1/realtime",
        "/v1/devices",
        "/v1/series?frame=all",
        "/v1/series?frame=day",
        f"/v1/completeness?{span}",
        "/v1/completeness?from=2009-12-31&to=2010-01-02",
        f"/v1/gaps?{span}",
    ):
        answer = get(client, path)
        assert answer.status_code == 200, (path, answer.text)
        assert "null" not in str(answer.json.get("last_24_h"))
    assert get(client, "/metrics", "m").status_code == 200
