"""In which order files of tests begin: with the longest, so that all cores end together."""

# Each takes a quarter of a minute and more, or is the longest of those that --fast runs.
LONGEST = (
    "crash_short",
    "bench",
    "backup_server",
    "now",
    "demo",
    "referee",
    "year",
    "fronts",
    "house_answers",
    "runaway",
    "chaos_short",
    "cache",
    "steady",
    "asking",
    "idle",
    "pointing",
    "situations",
    "picking",
    "bits_short",
    "chain",
    "p1",
    "alert_run",
    "alert_page",
    "battery",
    "roof",
    "battery_nightly",
    "meterless",
    "true_numbers",
    "spool_file",
    "edge",
    "documents",
    "p1_sources",
    "salvage",
    "inverter",
    "upload",
    "install_server",
    "install_edge",
    "damage",
    "grafana",
    "poller",
    "house_rules",
)


def turn(stem: str) -> int:
    """Return the place of a file of this name (``test_now``); all others come after these."""
    name = stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
