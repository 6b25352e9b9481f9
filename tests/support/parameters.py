"""What each GET under ``/v1/`` takes: by hand, not from the code, so that a slip there shows."""

from urllib.parse import parse_qsl, urlsplit

# As docs/api.md has them; each takes device_id besides.
TAKES = {
    "/v1/alerts": ("from", "to", "state"),
    "/v1/battery": (),
    "/v1/battery/events": ("from", "to", "format"),
    "/v1/battery/whatif": ("capacity",),
    "/v1/completeness": ("date", "from", "to", "kind"),
    "/v1/devices": (),
    "/v1/envelope": ("date",),
    "/v1/faults": ("from", "to"),
    "/v1/gaps": ("from", "to", "kind"),
    "/v1/hours": ("from", "to", "kind"),
    "/v1/p1/capacity": ("month", "floor_w"),
    "/v1/realtime": (),
    "/v1/referee": ("from", "to"),
    "/v1/roof": (),
    "/v1/roof/day": ("date",),
    "/v1/series": (
        *("frame", "date", "from", "to", "bucket", "fields", "columns", "digits", "format"),
    ),
    "/v1/shade": ("string", "period", "format"),
    "/v1/states": ("from", "to"),
    "/v1/status": (),
    "/v1/strings": ("from", "to", "bucket", "digits", "format"),
    "/v1/sun": ("at",),
}


def unknown(url: str) -> set[str]:
    """Return the parameters of an address under ``/v1/`` that are unknown there, or given twice."""
    parts = urlsplit(url)
    if parts.path not in TAKES:
        return set()
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    known = ("device_id", *TAKES[parts.path])
    return {name for name in names if name not in known or names.count(name) > 1}
