"""The settings of alerts: what is refused, and how; what a secret may come from."""

import re
from datetime import time, timedelta

import pytest

from edge_lib.shared.env import ConfigError
from server.alerts import names, rules, settings

LEAST = {"DATABASE_URL": "postgresql:///sungrow"}
MAIL = {"ALERT_SMTP_URL": "smtps://me%40x.org:pw@mail.x.org", "ALERT_MAIL_TO": "me@x.org"}


def read(**given):
    return settings.read({**LEAST, **given})


def test_without_any_there_is_no_channel():
    found = read()
    assert (found.channels, found.quiet, found.language) == ((), (time(22), time(7)), "en")
    assert (found.off, dict(found.holds), found.deadman_urls) == (frozenset(), {}, ())
    assert found.site_url is None
    assert found.ca_file is None


ALL = {
    **MAIL,
    "ALERT_NTFY_URL": "https://ntfy.sh/topic-1",
    "ALERT_TELEGRAM_TOKEN": "123:AbC",
    "ALERT_TELEGRAM_CHAT": "-100123/45",
    "ALERT_GOTIFY_URL": "http://192.168.1.5:8080/gotify",
    "ALERT_GOTIFY_TOKEN": "AbC.1",
    "ALERT_WEBHOOK_URL": "http://homeassistant.local:8123/api/webhook/secret",
    "ALERT_WEBHOOK_SECRET": "key",
    "DEADMAN_URL": "https://hc-ping.com/1 https://hc-ping.com/2",
    "ALERT_QUIET": "23:00-06:30",
    "ALERT_LANGUAGE": "fr",
    "ALERT_SITE_URL": "https://solar.example.org/",
    "RULE_NO_DATA": "off",
    "RULE_BATT_HOT_FOR": "90s",
    "RULE_BACKLOG_FOR": "2h",
}


def test_with_all_of_them_every_channel_is_there():
    found = read(**ALL)
    assert found.channels == names.CHANNELS
    assert found.off == {"no_data"}
    assert dict(found.holds) == {"batt_hot": timedelta(seconds=90), "backlog": timedelta(hours=2)}
    assert (found.quiet, found.language) == ((time(23), time(6, 30)), "fr")
    assert found.site_url == "https://solar.example.org"
    assert len(found.deadman_urls) == 2
    assert not found.is_on("no_data")
    assert found.is_on("lost")
    assert found.hold("backlog", timedelta(minutes=30)) == timedelta(hours=2)


def test_nothing_that_shows_settings_shows_a_secret():
    found = read(**ALL)
    shown = f"{found!r} {found} {found.targets!r} {found.targets.senders!r}"
    for name in ("pw", "topic-1", "AbC", "secret", "key"):
        assert name not in shown


@pytest.mark.parametrize("quiet", ["07:00-07:00", "00:00 - 00:00", "0:00-0:00"])
def test_equal_ends_are_no_quiet_hours(quiet):
    assert read(ALERT_QUIET=quiet).quiet is None


WRONG = [
    ({"ALERT_NTFY_URL": "ntfy.sh/topic"}, "ALERT_NTFY_URL"),
    ({"ALERT_NTFY_URL": "http://ntfy.sh/topic"}, "http:// is for loopback"),
    ({"ALERT_NTFY_URL": "http://8.8.8.8/topic"}, "http:// is for loopback"),
    ({"ALERT_NTFY_URL": "http://[2001:db9::1]/topic"}, "http:// is for loopback"),
    ({"ALERT_NTFY_URL": "ftp://ntfy.sh/topic"}, "ALERT_NTFY_URL"),
    ({"ALERT_NTFY_URL": "https://ntfy.sh/"}, "topic"),
    ({"ALERT_NTFY_URL": "https://ntfy.sh/a b"}, "ALERT_NTFY_URL"),
    ({"ALERT_NTFY_URL": "https://ntfy.sh/ümlaut"}, "ALERT_NTFY_URL"),
    ({"ALERT_NTFY_URL": "https://ntfy.sh:99999/topic"}, "ALERT_NTFY_URL"),
    ({"ALERT_SMTP_URL": MAIL["ALERT_SMTP_URL"]}, "ALERT_MAIL_TO"),
    ({"ALERT_MAIL_TO": "me@x.org"}, "ALERT_SMTP_URL"),
    (MAIL | {"ALERT_MAIL_TO": "me"}, "ALERT_MAIL_TO"),
    (MAIL | {"ALERT_MAIL_TO": "a@b,"}, "ALERT_MAIL_TO"),
    (MAIL | {"ALERT_MAIL_TO": "a@b\nBcc: c@d"}, "ALERT_MAIL_TO"),
    (MAIL | {"ALERT_SMTP_URL": "https://x"}, "ALERT_SMTP_URL"),
    (MAIL | {"ALERT_SMTP_URL": "smtp://me@x.org"}, "password"),
    (MAIL | {"ALERT_SMTP_URL": "smtp://x.org/?from=nobody"}, "from"),
    ({"ALERT_TELEGRAM_TOKEN": "123:A"}, "ALERT_TELEGRAM_CHAT"),
    ({"ALERT_TELEGRAM_CHAT": "1"}, "ALERT_TELEGRAM_TOKEN"),
    ({"ALERT_TELEGRAM_TOKEN": "bot123", "ALERT_TELEGRAM_CHAT": "1"}, "BotFather"),
    ({"ALERT_TELEGRAM_TOKEN": "123:A", "ALERT_TELEGRAM_CHAT": "me"}, "ALERT_TELEGRAM_CHAT"),
    ({"ALERT_GOTIFY_URL": "https://g"}, "ALERT_GOTIFY_TOKEN"),
    ({"ALERT_GOTIFY_TOKEN": "A"}, "ALERT_GOTIFY_URL"),
    ({"ALERT_GOTIFY_URL": "https://g", "ALERT_GOTIFY_TOKEN": "A B"}, "ALERT_GOTIFY_TOKEN"),
    ({"ALERT_WEBHOOK_SECRET": "k"}, "ALERT_WEBHOOK_URL"),
    ({"ALERT_WEBHOOK_URL": "http://example.org/hook"}, "http:// is for loopback"),
    ({"DEADMAN_URL": "hc-ping.com/1"}, "DEADMAN_URL"),
    ({"DEADMAN_URL": "https://a https://b https://c"}, "DEADMAN_URL"),
    ({"ALERT_QUIET": "22-7"}, "ALERT_QUIET"),
    ({"ALERT_QUIET": "25:00-07:00"}, "ALERT_QUIET"),
    ({"ALERT_QUIET": "22:00"}, "ALERT_QUIET"),
    ({"ALERT_LANGUAGE": "es"}, "ALERT_LANGUAGE"),
    ({"ALERT_SITE_URL": "http://x"}, "ALERT_SITE_URL"),
    ({"ALERT_SITE_URL": "https://x/path"}, "ALERT_SITE_URL"),
    ({"ALERT_CA_FILE": "/nowhere/ca.pem"}, "ALERT_CA_FILE"),
    ({"ALERT_CA_FILE": "/etc/hostname"}, "ALERT_CA_FILE"),
    ({"ALERT_NTFY_URI": "https://ntfy.sh/t"}, "did you mean ALERT_NTFY_URL"),
    ({"RULE_NODATA": "off"}, "no_data"),
    ({"RULE_NO_DATA": "on"}, "RULE_NO_DATA"),
    ({"RULE_NO_DATA_FOR": "10"}, "RULE_NO_DATA_FOR"),
    ({"RULE_NO_DATA_FOR": "-1m"}, "RULE_NO_DATA_FOR"),
    ({"RULE_NO_DATA_FOR": "10d"}, "RULE_NO_DATA_FOR"),
    ({"DATABASE_URL": ""}, "DATABASE_URL"),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
]


@pytest.mark.parametrize(("given", "named"), WRONG, ids=lambda x: str(x)[:60])
def test_what_is_wrong_is_named_with_an_example(given, named):
    with pytest.raises(ConfigError) as raised:
        read(**given)
    said = str(raised.value)
    assert named in said
    assert re.search(r"example: |there are: |did you mean", said)


SECRETS = ["https://topic-is-secret.example/se cret", "http://example.org/se-cret", "secret:token"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", ["ALERT_NTFY_URL", "ALERT_WEBHOOK_URL", "DEADMAN_URL"])
def test_a_malformed_secret_is_not_quoted(name, secret):
    with pytest.raises(ConfigError) as raised:
        read(**{name: secret})
    assert "cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/t",
        "http://[::1]/t",
        "http://10.1.2.3/t",
        "http://172.31.0.1/t",
        "http://192.168.0.1/t",
        "http://169.254.1.1/t",
        "http://[fd00::1]/t",
        "http://[fe80::1]/t",
        "http://localhost/t",
        "http://ha.lan/t",
        "https://example.org/t",
    ],
)
def test_without_tls_a_message_goes_to_private_addresses(url):
    assert read(ALERT_NTFY_URL=url).channels == ("ntfy",)


@pytest.mark.parametrize("url", ["http://0.0.0.0/t", "http://100.200.1.1/t", "http://1.1.1.1/t"])
def test_and_to_no_others(url):
    with pytest.raises(ConfigError):
        read(ALERT_NTFY_URL=url)


def test_a_secret_may_come_from_a_file_or_from_systemd(tmp_path, private_files):
    (tmp_path / "alerts_ALERT_NTFY_URL").write_text("https://ntfy.sh/of-systemd\n")
    (tmp_path / "token").write_text("1:A\n")
    found = read(
        CREDENTIALS_DIRECTORY=str(tmp_path),
        ALERT_TELEGRAM_TOKEN_FILE=str(tmp_path / "token"),
        ALERT_TELEGRAM_CHAT="5",
    )
    assert found.channels == ("ntfy", "telegram")


def test_a_credential_that_is_no_secret_of_ours_is_refused(tmp_path, private_files):
    (tmp_path / "alerts_TELEGRAM").write_text("1:A")
    with pytest.raises(ConfigError, match="ALERT_TELEGRAM_TOKEN"):
        read(CREDENTIALS_DIRECTORY=str(tmp_path))


def test_every_rule_of_the_evaluation_can_be_switched_off():
    assert set(rules.NAMES) <= set(names.RULES)
    for rule in rules.NAMES:
        assert read(**{f"RULE_{rule.upper()}": "off"}).off == {rule}
