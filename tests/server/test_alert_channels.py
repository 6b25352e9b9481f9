"""Each channel against a server that speaks its protocol, over real TLS and real SMTP."""

import hashlib
import hmac
import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from server.alerts import wire
from server.alerts.channels.telegram import Telegram
from server.alerts.outcome import DELIVERED, LATER, REFUSED, UNSURE, Message, of_status, redacted
from server.alerts.targets import read_targets
from tests.support import alert_servers
from tests.support.alert_servers import Answer, Smtp, Web

pytestmark = pytest.mark.server
ID = "5f8b1b0e-7d2c-4a6e-8a3f-0d3f6f2f8a11"
TOKEN, TOPIC, KEY = "1234:Se-cretTok_en", "topic-Se-cret", "hook-Se-cret"


def message(**more) -> Message:
    body = {
        "version": 1,
        "id": ID,
        "event": "opened",
        "device_id": "home-1",
        "rule": "no_data",
        "severity": "critical",
        "title": 'home-1: no data for 12 min - ünïcode <b> & "quotes"',
        "text": "Since 10:00 CET.\nRun: sungrow-edge status <now> & wait",
        "since": "2026-11-29T10:00:00+00:00",
        "until": None,
        "values": {"minutes": 12},
        "url": "https://solar.example.org/?view=system&device=home-1",
        "alert_ids": [7],
    }
    return Message(ID, body | more, more.get("reply_to"))


@pytest.fixture(scope="module")
def web(certificate):
    with Web(certificate) as server:
        yield server


@pytest.fixture
def server(web):
    web.forget()
    web._rule = lambda _: Answer()
    return web


def channel(name, ca, **env):
    return read_targets(env, ca).senders[name]


@pytest.fixture
def ntfy(server, certificate):
    server._rule = alert_servers.ntfy
    url = server.url.replace("https://", "https://:tk_Se-cret@") + f"/{TOPIC}"
    return channel("ntfy", certificate.ca, ALERT_NTFY_URL=url)


@pytest.fixture
def gotify(server, certificate):
    server._rule = alert_servers.gotify
    url = f"{server.url}/gotify"
    return channel("gotify", certificate.ca, ALERT_GOTIFY_URL=url, ALERT_GOTIFY_TOKEN=TOKEN[5:])


@pytest.fixture
def telegram(server, certificate):
    server._rule = alert_servers.telegram
    api = wire.Url("https", "localhost", server.port, "/")
    return Telegram(TOKEN, "-100123", 45, api, str(certificate.ca))


@pytest.fixture
def webhook(server, certificate):
    url = f"{server.url}/api/{KEY}"
    return channel("webhook", certificate.ca, ALERT_WEBHOOK_URL=url, ALERT_WEBHOOK_SECRET="s3cret")


@pytest.fixture(params=["ntfy", "gotify", "telegram", "webhook"])
def any_of_the_web(request):
    return request.getfixturevalue(request.param)


def test_ntfy_publishes_json_at_the_root(ntfy, server):
    assert ntfy.send(message()).kind == DELIVERED
    (sent,) = server.taken
    assert (sent.path, sent.headers["Authorization"]) == ("/", "Bearer tk_Se-cret")
    assert sent.json["topic"] == TOPIC
    assert sent.json["title"].startswith("home-1: no data for 12 min - ünïcode")
    assert (sent.json["priority"], sent.json["tags"]) == (5, ["red_circle"])
    assert sent.json["click"].endswith("device=home-1")


@pytest.mark.parametrize(
    ("event", "severity", "priority"),
    [("opened", "critical", 5), ("opened", "warning", 4), ("resolved", "critical", 3)],
)
def test_what_is_over_does_not_ring(ntfy, server, event, severity, priority):
    assert ntfy.send(message(event=event, severity=severity)).kind == DELIVERED
    assert server.taken[0].json["priority"] == priority


@pytest.mark.parametrize("text", ["x" * 9000, "ü" * 5000, "漢" * 5000, "\N{GRINNING FACE}" * 3000])
def test_a_long_text_fits(any_of_the_web, server, text):
    assert any_of_the_web.send(message(text=text, values={"long": text})).kind == DELIVERED
    (sent,) = server.taken
    assert text[:100] in json.dumps(sent.json, ensure_ascii=False)


def test_a_webhook_gets_at_most_8_kb(webhook, server):
    assert webhook.send(message(text="ü" * 5000, values={"long": "x" * 9000})).kind == DELIVERED
    (sent,) = server.taken
    assert len(sent.content) <= 8192 + 2000 * 3
    assert sent.json["id"] == ID
    assert sent.json["device_id"] == "home-1"


def test_gotify_knows_us_by_a_header(gotify, server):
    assert gotify.send(message()).kind == DELIVERED
    (sent,) = server.taken
    assert (sent.path, sent.headers["X-Gotify-Key"]) == ("/gotify/message", TOKEN[5:])
    assert sent.json["priority"] == 8
    assert sent.json["extras"]["client::notification"]["click"]["url"].startswith("https://solar")


def test_telegram_escapes_what_html_would_take_for_marks(telegram, server):
    assert telegram.send(message()).kind == DELIVERED
    (sent,) = server.taken
    assert "&lt;now&gt; &amp; wait" in sent.json["text"]
    assert (sent.json["chat_id"], sent.json["message_thread_id"]) == ("-100123", 45)
    assert sent.json["parse_mode"] == "HTML"


def test_telegram_follows_a_group_that_has_moved(telegram, server):
    def moved(request):
        if request.json["chat_id"] != "-100999":
            why = "Bad Request: group chat was upgraded to a supergroup chat"
            return alert_servers.telegram_refuses(400, why, migrate_to_chat_id=-100999)
        return None

    server.answer = moved
    assert telegram.send(message()).kind == DELIVERED
    assert [request.json["chat_id"] for request in server.requests] == ["-100123", "-100999"]
    assert len(server.taken) == 1


def test_telegram_says_in_the_body_how_long_to_wait(telegram, server):
    server.answer = lambda _: alert_servers.telegram_refuses(429, "Too Many", retry_after=120)
    found = telegram.send(message())
    assert (found.kind, found.retry_after_s) == (LATER, 120)


@pytest.mark.parametrize(
    "why", ["bot was blocked by the user", "chat not found", "user is deactivated"]
)
def test_telegram_refuses_for_good(telegram, server, why):
    server.answer = lambda _: alert_servers.telegram_refuses(403, f"Forbidden: {why}")
    found = telegram.send(message())
    assert found.kind == REFUSED
    assert why in found.reason


def test_a_webhook_is_signed_and_has_the_id_of_the_message(webhook, server):
    assert webhook.send(message()).kind == DELIVERED
    (sent,) = server.taken
    digest = hmac.new(b"s3cret", sent.content, hashlib.sha256).hexdigest()
    assert sent.headers["X-Sungrow-Signature"] == f"sha256={digest}"
    assert sent.headers["Idempotency-Key"] == sent.json["id"] == ID
    wanted = "version id event device_id rule severity title text since until values url alert_ids"
    assert set(sent.json) == set(wanted.split())


def test_without_a_secret_it_is_not_signed(server, certificate):
    plain = channel("webhook", certificate.ca, ALERT_WEBHOOK_URL=f"{server.url}/x")
    assert plain.send(message()).kind == DELIVERED
    assert "X-Sungrow-Signature" not in server.taken[0].headers


STATUSES = [(200, DELIVERED), (201, DELIVERED), (204, DELIVERED)]
STATUSES += [(status, LATER) for status in (408, 425, 429, 500, 502, 503, 504, 599)]
STATUSES += [(status, REFUSED) for status in (301, 302, 307, 400, 401, 403, 404, 410, 413, 451)]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_what_a_status_means(webhook, server, status, kind):
    server.answer = lambda _: Answer(status, headers={"Location": f"{server.url}/elsewhere"})
    assert webhook.send(message()).kind == kind
    assert len(server.requests) == 1, "redirects are not followed"


def test_a_moment_to_wait_for_may_be_a_number_or_a_date():
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=90), usegmt=True)
    said = {"120": 120, date: 90, "soon": 0, "-5": 0, "99999999999": 86_400, "": 0}
    for given, wait_s in said.items():
        assert of_status(429, {"Retry-After": given}, "", now).retry_after_s == wait_s


def test_an_answer_that_never_came_leaves_it_open_whether_it_arrived(any_of_the_web, server):
    server.answer = lambda _: Answer(hangs_up=True)
    assert any_of_the_web.send(message()).kind == UNSURE
    assert len(server.requests) == 1


def test_a_server_that_is_silent_is_given_up_after_a_while(monkeypatch, certificate):
    monkeypatch.setattr(wire, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/topic"
        found = channel("ntfy", certificate.ca, ALERT_NTFY_URL=url).send(message())
    assert (found.kind, found.reason) == (UNSURE, "no answer: timed out")


def test_where_nobody_listens_nothing_has_arrived(certificate):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = channel("ntfy", certificate.ca, ALERT_NTFY_URL=f"https://localhost:{port}/t")
    assert found.send(message()).kind == LATER


def test_a_certificate_of_nobody_we_know_gets_nothing(server):
    found = channel("ntfy", None, ALERT_NTFY_URL=f"{server.url}/t").send(message())
    assert found.kind == LATER
    assert "certificate" in found.reason
    assert not server.requests


def test_a_name_that_leads_to_a_public_address_gets_nothing_without_tls(monkeypatch):
    class Connected:
        def getpeername(self):
            return ("93.184.216.34", 80)

    with pytest.raises(ConnectionError, match="public"):
        wire.refuse_public(Connected())


def evil(request):
    """Answer with everything that was sent, secrets included."""
    said = f"{request.path} {request.headers} {request.content.decode()}"
    return Answer(403, {"error": said, "errorDescription": said, "description": said})


@pytest.mark.parametrize("answer", [evil, lambda _: Answer(500), lambda _: Answer(hangs_up=True)])
def test_no_reason_holds_a_secret(any_of_the_web, server, answer, caplog):
    server.answer = answer
    found = any_of_the_web.send(message())
    for secret in ("Se-cret", "s3cret"):
        assert secret not in found.reason + repr(found) + caplog.text


def test_a_reason_is_one_short_line():
    assert redacted("a\nb\x00\x1b[31m", ()) == "a b [31m"
    assert len(redacted("x" * 900, ())) == 200
    assert redacted("my tok-en and tok-en2", ("tok-en", "tok-en2")) == "my *** and ***"


# Mail.


def mailer(smtp, ca, scheme="smtp", login="", to="me@x.org", **more):
    url = f"{scheme}://{login}localhost:{smtp.port}{more.pop('query', '')}"
    return channel("mail", ca, ALERT_SMTP_URL=url, ALERT_MAIL_TO=to, **more)


LOGIN = "me%40x.org:pass-Se-cret@"


@pytest.mark.parametrize("implicit", [True, False], ids=["TLS", "STARTTLS"])
def test_a_mail_goes_over_tls_with_a_login(certificate, implicit):
    with Smtp(certificate, implicit, ("me@x.org", "pass-Se-cret")) as smtp:
        scheme = "smtps" if implicit else "smtp"
        sender = mailer(smtp, certificate.ca, scheme, LOGIN, "me@x.org, you@x.org")
        assert sender.send(message()).kind == DELIVERED
    (letter,) = smtp.letters
    assert letter.is_secure
    assert letter.user == "me@x.org"
    assert (letter.sender, letter.to) == ("me@x.org", ["me@x.org", "you@x.org"])
    headers = letter.message
    assert headers["Subject"].startswith("home-1: no data for 12 min - ünïcode <b>")
    assert headers["Message-ID"] == f"<{ID}@sungrow.invalid>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Date"]
    assert "sungrow-edge status <now>" in headers.get_content()
    assert "view=system&device=home-1" in headers.get_content()


def test_a_double_has_the_same_id_and_what_follows_is_of_its_thread(certificate):
    with Smtp(certificate, True) as smtp:
        sender = mailer(smtp, certificate.ca, "smtps", ALERT_SITE_URL="https://solar.example.org")
        sender.send(message())
        sender.send(message())
        sender.send(message()._replace(id="2", reply_to=ID))
    ids = [letter.message["Message-ID"] for letter in smtp.letters]
    assert ids == [f"<{ID}@solar.example.org>"] * 2 + ["<2@solar.example.org>"]
    assert smtp.letters[2].message["In-Reply-To"] == ids[0]
    assert smtp.letters[0].message["In-Reply-To"] is None


@pytest.mark.parametrize("bad", ["a\nBcc: evil@x.org", "a\r\nX-Y: z", "a\x00b", "é" * 300])
def test_a_title_is_one_header(certificate, bad):
    with Smtp(certificate, True) as smtp:
        assert mailer(smtp, certificate.ca, "smtps").send(message(title=bad)).kind == DELIVERED
    assert {"Bcc", "X-Y"}.isdisjoint(smtp.letters[0].message.keys())


def test_with_a_login_nothing_goes_without_tls(certificate):
    with Smtp(None, login=("me@x.org", "pass-Se-cret")) as smtp:
        found = mailer(smtp, certificate.ca, login=LOGIN).send(message())
    assert found.kind == REFUSED
    assert "STARTTLS" in found.reason
    assert not smtp.letters
    assert not [line for line in smtp.commands if line.startswith("AUTH")]


def test_a_program_of_this_machine_needs_neither(certificate):
    with Smtp(None) as smtp:
        sender = mailer(smtp, None, query="/?from=alerts@x.org")
        assert sender.send(message()).kind == DELIVERED
    assert smtp.letters[0].sender == "alerts@x.org"
    assert not smtp.letters[0].is_secure


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_of_nobody_we_know_gets_no_mail(certificate, implicit):
    with Smtp(certificate, implicit, ("me@x.org", "pass-Se-cret")) as smtp:
        scheme = "smtps" if implicit else "smtp"
        found = mailer(smtp, None, scheme, LOGIN).send(message())
    assert found.kind == LATER
    assert "certificate" in found.reason
    assert not smtp.letters


@pytest.mark.parametrize(
    ("command", "said", "kind"),
    [
        ("RCPT", "450 4.2.0 greylisted", LATER),
        ("RCPT", "550 5.1.1 no such user", REFUSED),
        ("MAIL", "451 later", LATER),
        ("MAIL", "553 not you", REFUSED),
        ("DATA", "421 busy", LATER),
        ("DATA", "554 spam", REFUSED),
        ("END", "452 full", LATER),
        ("END", "552 too large", REFUSED),
        ("END", "", UNSURE),
        ("AUTH", "535 5.7.8 bad login", REFUSED),
        ("AUTH", "454 4.7.0 later", LATER),
        ("EHLO", "", LATER),
        ("QUIT", "", DELIVERED),
        ("QUIT", "421 no", DELIVERED),
    ],
)
def test_what_a_server_of_mail_says_decides(certificate, command, said, kind):
    with Smtp(certificate, True, ("me@x.org", "pass-Se-cret")) as smtp:
        smtp.refuse[command] = said
        found = mailer(smtp, certificate.ca, "smtps", LOGIN).send(message())
    assert found.kind == kind, found
    assert "Se-cret" not in found.reason
    if said and kind != DELIVERED:
        assert said[:3] in found.reason


def test_of_two_readers_one_is_enough(certificate):
    with Smtp(certificate, True) as smtp:
        sender = mailer(smtp, certificate.ca, "smtps", to="gone@x.org,me@x.org")
        real = smtp.refuse

        class Once(dict):
            def __contains__(self, verb):
                return verb == "RCPT" and "gone" in smtp.commands[-1]

            def __getitem__(self, verb):
                return "550 no such user"

        smtp.refuse = Once(real)
        found = sender.send(message())
    assert found.kind == DELIVERED
    assert "gone@x.org was refused: 550" in found.reason
    assert [letter.to for letter in smtp.letters] == [["me@x.org"]]


def test_channels_send_from_threads(ntfy, server):
    threads = [threading.Thread(target=ntfy.send, args=(message(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.taken) == 8
