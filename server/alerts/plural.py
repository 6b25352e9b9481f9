"""One of anything is not said as many are."""

from collections.abc import Mapping


def of_count(texts: Mapping[str, str], name: str, count: object) -> str:
    """Return the text of a name: of one thing ``NAME.one``, where there is such a text."""
    return texts.get(f"{name}.one", texts[name]) if count == 1 else texts[name]
