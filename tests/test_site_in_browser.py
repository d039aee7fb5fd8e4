"""The built site in a real Chromium: links, search, formulas, and a phone's width.

The site is built for these tests, unless DLNOTES_SITE names the folder of one that is.
"""

import functools
import re
import runpy
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.chromium import launched, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

ROOT = Path(__file__).parents[1]
NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
PAGES = [
    page.replace(".md", ".html")
    for page in re.findall(r"^ +- .*: (\S+\.md)$", NAVIGATION, re.MULTILINE)
]
PHONE = {"width": 390, "height": 800}
DESK = {"width": 1280, "height": 900}


class Elements(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.anchors |= {named[name] for name in ("id", "name") if named.get(name)}
        self.targets += [named[name] for name in ("href", "src") if named.get(name)]


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that reports nothing."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served, on this machine alone."""
    handler = functools.partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser, address):
    """A function that opens a page, which may complain of nothing and ask no other host."""
    pages, complaints, requests = [], [], []

    def open_page(path, viewport, scheme="light"):
        page = browser.new_page(viewport=viewport, color_scheme=scheme)
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address + path)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []


def test_every_link_and_anchor_is_there(site):
    pages = {path: Elements(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) >= len(PAGES)
    missing = []
    for path, elements in pages.items():
        for target in elements.targets:
            if urlsplit(target).scheme:  # another site, a picture within the page
                continue
            file, anchor = urldefrag(target)
            found = (path.parent / unquote(file)).resolve() if file else path
            found = found / "index.html" if found.is_dir() else found
            # what follows # in a picture's address names the colour scheme that it is for
            is_there = found not in pages or not anchor or unquote(anchor) in pages[found].anchors
            if not found.is_file() or not is_there:
                missing.append((path.relative_to(site).as_posix(), target))
    assert missing == []


def test_a_further_line_of_an_entry_is_no_entry_of_its_own():
    markdown = runpy.run_path(str(ROOT / "docs" / "_hooks" / "docstrings.py"))["markdown"]
    shown = markdown("A sentence.\n\nArgs:\n    one: a text that goes on\n        here: so.\n")
    assert re.findall("- `(.*?)`", shown) == ["one"] and "here: so." in shown


def test_no_page_shows_the_address_of_an_object(site):
    address = re.compile(r"\bat 0x[0-9a-f]{6,}")
    found = [path.name for path in site.rglob("*.html") if address.search(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("path", PAGES)
def test_no_code_is_cut(opened, path):
    code = "pre > code:not(.highlighttable *)"  # beside line numbers, folded sources scroll
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    for viewport in (DESK, PHONE):
        assert opened(path, viewport).locator(code).evaluate_all(cut) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_draws_its_formulas(opened, path):
    page = opened(path, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert "\\(" not in page.locator("article").inner_text(), "LaTeX that nobody has drawn"
    sizes = page.locator("math").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])"
    )
    assert all(width > 0 and height > 0 for width, height in sizes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_the_pictures_of_each_colour_scheme_are_there(opened, path, scheme):
    page = opened(path, PHONE, scheme)
    for image in page.locator("article img:visible").all():
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_each_card_of_the_front_page_has_a_drawing_and_leads_somewhere(opened, viewport):
    cards = opened("index.html", viewport).locator(".grid.cards > ul > li")
    assert cards.count() == 6
    for card in cards.all():
        box = card.locator(".drawing svg").bounding_box()
        assert 120 < box["width"] <= viewport["width"] and 50 < box["height"] < 200
        assert card.locator("a").count() >= 1


@pytest.mark.parametrize("path", [page for page in PAGES if page.startswith("derivations/")])
def test_formulas_are_mathml(opened, path):
    page = opened(path, DESK)
    source = (ROOT / "docs" / path.replace(".html", ".md")).read_text(encoding="utf-8")
    formulas = len(re.findall(r"\\\(|\\\[ ", source))
    assert page.locator("math").count() == formulas
    fonts = "document.fonts.ready.then(all => [...all].map(one => [one.family, one.status]))"
    assert ["formulas", "loaded"] in page.evaluate(fonts)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("receptive field", "api/reports.html"),
        ("Hyperband", "derivations/tuning.html"),
        ("vanishing", "derivations/recurrent.html"),
    ],
)
def test_the_search_finds(opened, words, found):
    page = opened("index.html", DESK)
    page.locator(".md-search__input").click()
    page.keyboard.type(words)
    result = page.locator(f".md-search-result a[href*='{found}']").first
    result.wait_for()
    result.click()
    page.wait_for_url(f"**/{found}*")
    assert words.lower() in page.locator("article").inner_text().lower()


def test_a_reader_can_turn_the_page_dark(opened):
    page = opened("index.html", DESK)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("label[for='__palette_1']").click()
    assert page.evaluate(paper) != light


def test_what_the_copy_button_gives_runs(browser, address):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address + "derivations/pool.html")
    block = page.locator(".highlight").filter(has_text=">>> import").first
    assert ">>> pooled" in block.inner_text()
    block.hover()
    block.locator("button[data-clipboard-target]").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    context.close()
    namespace = {}
    exec(copied, namespace)
    assert ">>>" not in copied and namespace["pooled"].max() == 92
