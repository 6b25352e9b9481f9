"""For eyes and fingers: nothing jumps, nothing is too small, nothing is told by colour alone."""

import base64
import contextlib
from collections.abc import Iterator

import pytest

from tests.browser.browser import DESKTOP
from tests.browser.test_shape import VIEWS, open_view
from tests.browser.views import ROW_ENDS, loaded

SMALL_PHONE = (360, 740)
ALL = "return document.querySelector('main').textContent"
SHIFTS = (
    "window.shifts = []; new PerformanceObserver((list) => { for (const e of list.getEntries())"
    " window.shifts.push([e.value, ...(e.sources ?? []).map((s) => s.node?.outerHTML?.slice(0, 90)"
    " ?? s.node?.textContent)]); }).observe({ type: 'layout-shift', buffered: true });"
)
# Controls that a finger has to hit; links in running text and in a table's cells are text.
SMALL = """
    const small = (n) => {
        const { width, height } = n.getBoundingClientRect();
        return width && height && (width < 44 || height < 43.5);
    };
    const all = 'a, button, input, select, summary, [role=slider]';
    return [...document.querySelectorAll(all)]
        .filter((n) => !n.closest('p, td, .unseen, .skip, [hidden]'))
        .filter((n) => n.checkVisibility() && small(n))
        .map((n) => `${n.outerHTML.slice(0, 80)} ${n.offsetWidth}x${n.offsetHeight}`);
"""


@pytest.mark.long  # tests/browser/test_steady.py lets the answers come one by one, which is harder
@pytest.mark.parametrize("size", [SMALL_PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_jumps_while_a_view_loads(home, site, size):
    home.resize(size)
    jumps = {}
    with home.prepared(SHIFTS):
        for name in VIEWS:
            home.command("Network.clearBrowserCache")
            open_view(home, site, name)
            shifts = home.run("return window.shifts")
            total = sum(shift[0] for shift in shifts)
            print(name, size, round(total, 3))
            if total >= 0.05:
                jumps[name] = shifts
    assert jumps == {}


# A row of the day of which hardly anything was measured, as just after midnight.
HARDLY = """
    const really = window.fetch;
    window.fetch = async (url, ...more) => {
        const answer = await really(url, ...more);
        if (!/series.*bucket=1d/.test(url)) return answer;
        const content = await answer.json();
        const little = { coverage: 0.0004, grid_coverage: 0.0004, load_kwh: 0.12 };
        const flows = { solar_to_house_kwh: 0.06, grid_to_house_kwh: 0.06, load_counter_kwh: null };
        for (const row of content.series) Object.assign(row, little, flows);
        return new Response(JSON.stringify(content), answer);
    };
"""


@pytest.mark.parametrize("size", [SMALL_PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_jumps_just_after_midnight(home, site, size):
    home.resize(size)
    height = "return document.querySelector('.rings').offsetHeight"
    open_view(home, site, "now")
    usual = home.run(height)
    with home.prepared(SHIFTS + HARDLY):
        home.open(site.url + "/")
        home.wait(lambda: "< 0.1" in home.run(ALL), "nothing is said of so little")
        loaded(home)
        assert home.run(height) == usual, "there is no room for what is said of it"
        shifts = home.run("return window.shifts")
    assert sum(shift[0] for shift in shifts) < 0.05, shifts


@pytest.mark.parametrize("name", ["now", "month"])
def test_no_colour_of_a_legend_is_cut_off_unseen(home, site, name):
    cut = (
        "return [...document.querySelectorAll('.legend:not(.more)')].flatMap((list) =>"
        " [...list.children].filter((n) => n.getBoundingClientRect().right >"
        " list.getBoundingClientRect().right + 1).map((n) => n.textContent))"
    )
    for size in (DESKTOP, SMALL_PHONE):
        home.resize(size)
        open_view(home, site, name)
        home.wait(lambda: home.run(cut) == [], "something is cut off")
    assert home.all(".legend.more") or name == "month", "it fades where it goes on"


@pytest.mark.parametrize("name", ["now", "day", "month"])
def test_tiles_leave_no_hole_on_a_phone(home, site, name):
    home.resize(SMALL_PHONE)
    open_view(home, site, name)
    assert len(home.run(ROW_ENDS)) > 1
    assert len({end for _, end in home.run(ROW_ENDS)}) == 1


@pytest.mark.parametrize("name", ["now", "month", "system"])
def test_a_narrow_screen_and_large_letters_lose_nothing(home, site, name):
    """280 pixels, and letters of twice the size on 360."""
    wide = (
        "const apart = '.scroller, .legend, svg, .unseen, [hidden]';"
        "return [document.documentElement.scrollWidth, ..."
        "[...document.querySelectorAll('main *, .top *')].filter((n) => !n.closest(apart) &&"
        " n.getBoundingClientRect().right > innerWidth + 1).map((n) => n.outerHTML.slice(0, 90))]"
    )
    home.resize((280, 653))
    open_view(home, site, name)
    assert home.run(wide) == [280]
    home.resize(SMALL_PHONE)
    home.run("document.documentElement.style.fontSize = '32px'; dispatchEvent(new Event('resize'))")
    assert home.run(wide) == [360]
    squeezed = (
        "return [...document.querySelectorAll('#segments a, #views a, #more')].filter((n) =>"
        " n.scrollWidth > n.clientWidth + 1).map((n) => n.textContent)"
    )
    assert home.run(squeezed) == [], "words lie upon each other"


# Words of names that stand on two lines, of those that are seen; at a soft hyphen they may.
BROKEN = """
    const range = document.createRange();
    const lines = (text, from, to) => {
        range.setStart(text, from - (text.data[from - 1] === '\\u00ad' ? -1 : 0));
        range.setEnd(text, to);
        const boxes = [...range.getClientRects()].filter(({ width }) => width > 1);
        return new Set(boxes.map(({ top }) => Math.round(top))).size;
    };
    return [...document.querySelectorAll('.tile dt span')].filter((n) => n.checkVisibility())
        .flatMap(({ firstChild: text }) => [...text.data.matchAll(/[^\\s\\u00ad]+/g)]
            .filter(({ 0: word, index }) => lines(text, index, index + word.length) > 1)
            .map(([word]) => word));
"""


@pytest.mark.parametrize("language", ["en-GB", "de-DE", "nl-NL", "fr-FR"])
def test_no_name_of_a_figure_breaks_within_a_word(home, site, language):
    """Also in letters of twice the size, and where two columns share a screen."""
    home.language(language)
    broken = {}
    try:
        for name in ("now", "month"):
            home.open(site.url + VIEWS[name])
            loaded(home)
            for size in (SMALL_PHONE, (390, 844), (820, 1180), (1024, 768), (1440, 900)):
                home.resize(size)
                for letters in ("16px", "24px", "32px"):
                    home.run("document.documentElement.style.fontSize = arguments[0]", letters)
                    if found := home.run(BROKEN):
                        broken[name, size, letters] = found
                home.run("document.documentElement.style.fontSize = ''")
    finally:
        home.language("en-GB")
    assert broken == {}


@contextlib.contextmanager
def emulated(home, *features: tuple[str, str]) -> Iterator[None]:
    """Let the system ask for this, by media features, for a while."""
    asked = [{"name": name, "value": value} for name, value in features]
    home.command("Emulation.setEmulatedMedia", features=asked)
    try:
        yield
    finally:
        home.command("Emulation.setEmulatedMedia", features=[])


def test_with_colours_of_the_system_the_current_tab_and_the_swatches_are_told(home, site):
    with emulated(home, ("forced-colors", "active")):
        open_view(home, site, "month")
        borders = home.run(
            "return [...document.querySelectorAll('#views a, #segments a')].map((n) =>"
            " [n.hasAttribute('aria-current'), parseFloat(getComputedStyle(n).borderBottomWidth)])"
        )
        assert {width > 3 for current, width in borders if current} == {True}
        assert {width > 3 for current, width in borders if not current} == {False}
        fills = home.run(
            "return [...document.querySelectorAll('.legend li:not([hidden]) .swatch *')].map((n)"
            " => getComputedStyle(n).fill)"
        )
        assert len(set(fills)) > 3


def test_what_is_drawn_can_be_read_in_forced_colours_on_dark(home, site):
    """In every view: the view of a day once had a class of the calendar's squares."""
    with emulated(home, ("forced-colors", "active"), ("prefers-color-scheme", "dark")):
        open_view(home, site, "now")
        drawn = home.run(
            "const of = (name) => getComputedStyle(document.querySelector(`.flow ${name}`)).fill;"
            "return [of('.value'), of('.name'), of('circle.node')]"
        )
        assert drawn == ["rgb(0, 0, 0)", "rgb(68, 68, 68)", "rgb(255, 255, 255)"]
        open_view(home, site, "day")
        assert home.run(
            "const card = getComputedStyle(document.querySelector('.curve-card'));"
            "const text = getComputedStyle(document.querySelector('.chart .tick'));"
            "return [card.forcedColorAdjust, text.stroke]"
        ) == ["auto", "none"]


def test_on_paper_there_is_the_whole_table_and_no_controls(home, site):
    open_view(home, site, "month")
    home.command("Emulation.setEmulatedMedia", media="print")
    try:
        shown = home.run(
            "return ['.freshness', '#logout', '#views', '#segments', 'footer', '.period-pick']"
            ".filter((name) => [...document.querySelectorAll(name)]"
            ".some((n) => n.offsetHeight > 0))"
        )
        assert shown == []
        name = "return document.getElementById('device-name')"
        assert home.run(f"{name}.checkVisibility()"), "whose numbers are these?"
        assert home.run(f"{name}.textContent")
        assert (
            home.run("return getComputedStyle(document.querySelector('.scroller')).overflowX")
            == "visible"
        )
        assert (
            home.run("return getComputedStyle(document.querySelector('.swatch')).printColorAdjust")
            == "exact"
        )
    finally:
        home.command("Emulation.setEmulatedMedia", media="")


def test_a_printed_month_is_small_and_keeps_its_textures(home, site):
    """A pattern would be a picture of its own for each bar: some megabytes a month."""
    home.open(site.url + VIEWS["month"])
    loaded(home)
    home.wait(lambda: home.all("main svg.chart .textured"), "no textures")
    home.wait(lambda: home.all("main svg.chart .hatched"), "nothing is hatched")
    told = home.command("Page.printToPDF", preferCSSPageSize=True)
    paper = base64.b64decode(told["data"])
    print(len(paper), "bytes,", paper.count(b"/Subtype /Image"), "pictures")
    assert len(paper) < 1_000_000
    assert paper.count(b"/Subtype /Image") < 20


CONTRAST = """
    const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = (c) => {
        const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map(channel);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => {
        const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
    };
    const probe = document.body.appendChild(document.createElement('p'));
    const of = (name) => {
        probe.style.color = `var(--${name})`;
        return getComputedStyle(probe).color;
    };
    const found = Object.fromEntries(arguments[0].map((n) => [n, ratio(of(n), of('card'))]));
    probe.remove();
    return found;
"""
SHAPES = [
    "solar-edge",
    "import-edge",
    "export-edge",
    "discharge-edge",
    "charge-edge",
    "house-edge",
    "day-edge",
    "house",
    "soc",
    "lost",
    "strong-rule",
    "green",
    "red",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_shape_stands_out_from_its_ground_at_three_to_one(home, site, scheme):
    home.colours(scheme)
    home.open(site.url + "/")
    ratios = home.run(CONTRAST, SHAPES)
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if ratio < 3} == {}
