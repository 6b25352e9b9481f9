"""What the delivery itself has to say, in the four languages; all else ``texts`` has written."""

from datetime import datetime
from typing import Any

from server.alerts.plural import of_count

VERSION = 1

_TEXTS = {
    "en": {
        "over": "over since {until}",
        "past": "It was over at {until}, before this message could be sent.",
        "more": "{n} more alerts today: see the page",
        "more.one": "One more alert today: see the page",
        "more_text": "So that your phone stays usable no more than 20 messages a day are sent. "
        "The page shows all that is wrong.",
        "broken": "Alerts: {channel} refuses messages",
        "broken_text": "{channel} answered: {reason}. Nothing can reach you there until this is "
        "mended.\nCheck its settings in alerts.env, then run: sungrow-server alerts test",
        "mended": "Alerts: {channel} works again",
        "mended_text": "Messages reach you there again.",
        "away": "The server's database is away",
        "away_text": "Since {since} the database of the server has not answered: {reason}. "
        "Readings wait at the houses and are not lost.\n"
        "On the server run: systemctl status postgresql; sungrow-server doctor",
        "back": "The server's database is back",
        "back_text": "It was away from {since} to {until}. The houses now deliver what waited.",
        "test": "Test of the alerts",
        "test_text": "This channel works. Nothing is wrong.",
    },
    "nl": {
        "over": "voorbij sinds {until}",
        "past": "Het was om {until} voorbij, voordat dit bericht kon worden verstuurd.",
        "more": "Nog {n} meldingen vandaag: zie de pagina",
        "more.one": "Nog één melding vandaag: zie de pagina",
        "more_text": "Om je telefoon bruikbaar te houden worden er hoogstens 20 berichten per dag "
        "verstuurd. De pagina toont alles wat er mis is.",
        "broken": "Meldingen: {channel} weigert berichten",
        "broken_text": "{channel} antwoordde: {reason}. Daar bereikt je niets tot dit is "
        "verholpen.\nControleer de instellingen in alerts.env en voer uit: "
        "sungrow-server alerts test",
        "mended": "Meldingen: {channel} werkt weer",
        "mended_text": "Berichten bereiken je daar weer.",
        "away": "De database van de server is weg",
        "away_text": "Sinds {since} antwoordt de database van de server niet: {reason}. Metingen "
        "wachten bij de huizen en gaan niet verloren.\n"
        "Voer op de server uit: systemctl status postgresql; sungrow-server doctor",
        "back": "De database van de server is terug",
        "back_text": "Ze was weg van {since} tot {until}. De huizen leveren nu wat wachtte.",
        "test": "Test van de meldingen",
        "test_text": "Dit kanaal werkt. Er is niets aan de hand.",
    },
    "de": {
        "over": "vorbei seit {until}",
        "past": "Um {until} war es vorbei, bevor diese Nachricht gesendet werden konnte.",
        "more": "Heute noch {n} Meldungen: siehe Seite",
        "more.one": "Heute noch eine Meldung: siehe Seite",
        "more_text": "Damit Ihr Telefon brauchbar bleibt, werden höchstens 20 Nachrichten am Tag "
        "gesendet. Die Seite zeigt alles, was nicht stimmt.",
        "broken": "Meldungen: {channel} lehnt Nachrichten ab",
        "broken_text": "{channel} antwortete: {reason}. Dort erreicht Sie nichts, bis das "
        "behoben ist.\nPrüfen Sie die Einstellungen in alerts.env, dann führen Sie aus: "
        "sungrow-server alerts test",
        "mended": "Meldungen: {channel} geht wieder",
        "mended_text": "Nachrichten erreichen Sie dort wieder.",
        "away": "Die Datenbank des Servers ist weg",
        "away_text": "Seit {since} antwortet die Datenbank des Servers nicht: {reason}. Messwerte "
        "warten in den Häusern und gehen nicht verloren.\n"
        "Auf dem Server: systemctl status postgresql; sungrow-server doctor",
        "back": "Die Datenbank des Servers ist wieder da",
        "back_text": "Sie war von {since} bis {until} weg. Die Häuser liefern jetzt nach, was "
        "wartete.",
        "test": "Test der Meldungen",
        "test_text": "Dieser Kanal funktioniert. Es ist alles in Ordnung.",
    },
    "fr": {
        "over": "terminé depuis {until}",
        "past": "C'était terminé à {until}, avant que ce message ait pu partir.",
        "more": "Encore {n} alertes aujourd'hui : voir la page",
        "more.one": "Encore une alerte aujourd'hui : voir la page",
        "more_text": "Pour que votre téléphone reste utilisable, 20 messages par jour au plus sont "
        "envoyés. La page montre tout ce qui ne va pas.",
        "broken": "Alertes : {channel} refuse les messages",
        "broken_text": "{channel} a répondu : {reason}. Rien ne peut vous y parvenir avant que ce "
        "soit réparé.\nVérifiez ses réglages dans alerts.env, puis : sungrow-server alerts test",
        "mended": "Alertes : {channel} fonctionne à nouveau",
        "mended_text": "Les messages vous y parviennent à nouveau.",
        "away": "La base de données du serveur ne répond plus",
        "away_text": "Depuis {since}, la base de données du serveur ne répond plus : {reason}. Les "
        "mesures attendent dans les maisons et ne sont pas perdues.\n"
        "Sur le serveur : systemctl status postgresql; sungrow-server doctor",
        "back": "La base de données du serveur répond à nouveau",
        "back_text": "Elle était absente de {since} à {until}. Les maisons livrent ce qui "
        "attendait.",
        "test": "Test des alertes",
        "test_text": "Ce canal fonctionne. Tout va bien.",
    },
}


def text(language: str, name: str, **values: object) -> str:
    """Return a text, as it is said of one where ``n`` is that."""
    return of_count(_TEXTS[language], name, values.get("n")).format(**values)


def when(moment: datetime) -> str:
    """Return a time as these texts have it: in its own zone."""
    zone = moment.tzname() or "UTC"
    return f"{moment:%Y-%m-%d %H:%M} {zone}"


def body(rule: str, severity: str, event: str, site_url: str | None) -> dict[str, Any]:
    """Return what all bodies have, of a message that is about the whole server."""
    return {
        "version": VERSION,
        "event": event,
        "device_id": "",
        "rule": rule,
        "severity": severity,
        "since": None,
        "until": None,
        "values": {},
        "url": f"{site_url}/?view=system" if site_url else None,
        "alert_ids": [],
    }


def past(body: dict[str, Any], until: datetime, language: str) -> dict[str, Any]:
    """Return a message that something began as one that it is over."""
    told = {"until": until.isoformat(), "event": "resolved"}
    told["title"] = f"{body.get('title', '')} ({text(language, 'over', until=when(until))})"
    told["text"] = f"{text(language, 'past', until=when(until))}\n{body.get('text', '')}"
    return body | told


def more(of: dict[str, Any], count: int, language: str, site_url: str | None) -> dict[str, Any]:
    """Return the message that there is more than messages are sent."""
    said = {"title": text(language, "more", n=count), "text": text(language, "more_text")}
    kept = {"more": count, "alert_ids": of.get("alert_ids", [])}
    return body("", "warning", "digest", site_url) | said | kept


def channel_broken(channel: str, reason: str, language: str) -> tuple[str, str]:
    """Return title and text."""
    about = {"channel": channel, "reason": reason}
    return text(language, "broken", **about), text(language, "broken_text", **about)


def channel_mended(channel: str, language: str) -> tuple[str, str]:
    """Return title and text."""
    return text(language, "mended", channel=channel), text(language, "mended_text")
