"""``python -m tests.browser.icons``: draws the page's icons as PNG, of ``server/static/icon.svg``.

Some systems take no SVG. A maskable icon fills its square, with the sign within the middle four
fifths; on iOS, too, the system rounds the corners itself.
"""

import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from server.page import FOLDER
from tests.browser.browser import MISSING, browser

# By name: pixels, and how much of the square the drawing takes; None: as it is drawn.
ICONS = {
    "icon-180.png": (180, 0.9),
    "icon-192.png": (192, None),
    "icon-512.png": (512, None),
    "icon-maskable.png": (512, 0.8),
}


def drawing(size: int, part: float | None) -> str:
    """Return the SVG of one icon."""
    svg = (FOLDER / "icon.svg").read_text()
    if part is not None:
        margin = 32 * (1 / part - 1) / 2
        box = f"{-margin} {-margin} {32 + 2 * margin} {32 + 2 * margin}"
        whole = f'<rect x="{-margin}" y="{-margin}" width="64" height="64" fill="#20343d"/>'
        svg = re.sub(r'viewBox="[^"]*">', f'viewBox="{box}">{whole}', svg)
    return svg.replace("<svg", f'<svg width="{size}" height="{size}"', 1)


def main() -> int:
    if MISSING:
        print(MISSING, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as page:
        clear = {"r": 0, "g": 0, "b": 0, "a": 0}
        page.command("Emulation.setDefaultBackgroundColorOverride", color=clear)
        for name, (size, part) in ICONS.items():
            page.resize((size, size))
            page.open(f"data:image/svg+xml,{quote(drawing(size, part))}")
            page.screenshot(FOLDER / name, size)
            print(FOLDER / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
