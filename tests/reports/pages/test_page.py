import base64
import hashlib
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_dlnotes.reports import Page, plot_kernels
from keras_dlnotes.reports.pages.page import LARGEST_DRAWING


class Elements(HTMLParser):
    """Collects every element as (tag, attributes, the text directly inside)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict, str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag):
        self.found.append((f"/{tag}", {}, ""))

    def handle_data(self, data):
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = tag, attributes, text + data

    def named(self, name: str) -> list[tuple[dict, str]]:
        return [(attributes, text) for tag, attributes, text in self.found if tag == name]

    def texts(self, name: str) -> list[str]:
        return [text.strip() for _, text in self.named(name)]


@pytest.fixture
def figure() -> Figure:
    return plot_kernels(np.random.default_rng(0).normal(size=(3, 3, 1, 4)))


@pytest.fixture
def page(figure) -> Page:
    return (
        Page("A <b>run</b>", "1 < 2 & 3")
        .add_heading("Numbers")
        .add_facts({"accuracy": 0.987654, "parameters": 10218, "<i>time</i>": "14 s"})
        .add_text("One </main> paragraph.\n\nAnother.")
        .add_table(
            {"<u>layer</u>": ["conv", "<script>alert(1)</script>"], "size": [3, 0.5]}, "a <p>"
        )
        .add_figure(figure, "Kernels </figcaption>", 'four "kernels" <3')
    )


def test_every_text_is_escaped_and_arrives_unchanged(page):
    elements = Elements(page.render())
    assert elements.texts("title") == elements.texts("h1") == ["A <b>run</b>"]
    assert elements.texts("dt") == ["accuracy", "parameters", "<i>time</i>"]
    assert elements.texts("dd") == ["0.9877", "10,218", "14 s"]
    assert elements.texts("p") == [
        "1 < 2 & 3",
        "One </main> paragraph.",
        "Another.",
        "a <p>",
    ]
    assert elements.texts("th") == ["<u>layer</u>", "size"]
    assert elements.texts("td") == ["conv", "3", "<script>alert(1)</script>", "0.5"]
    assert elements.texts("figcaption") == ["Kernels </figcaption>"]
    assert elements.named("img")[0][0]["alt"] == 'four "kernels" <3'
    assert len(elements.named("script")) == 1


def test_a_figure_says_what_to_look_for_and_where_that_is_explained(figure):
    page = Page("a").add_figure(figure, "A", "b", "edges <i>", "derivations/conv.md#<b>")
    elements = Elements(page.render())
    assert elements.texts("strong") == ["Look for:"]
    assert elements.texts("/strong") == ["edges <i>"]
    assert elements.texts("code") == ["derivations/conv.md#<b>"]
    assert "Look for" not in Page("a").add_figure(figure, "A", "b").render()


def test_passages_keep_their_lines(page):
    text = "  if x < 1:\n\n    return <b>\n"
    page.add_passages({"τ = <1>": text}, "What a model & wrote")
    elements = Elements(page.render())
    assert elements.texts("h3") == ["τ = <1>"]
    # a browser leaves out one line's end after <pre>
    assert [found for _, found in elements.named("pre")] == ["\n" + text]
    assert elements.texts("p")[-1] == "What a model & wrote"


def test_no_passage_is_an_error():
    with pytest.raises(ValueError, match="`passages`"):
        Page("a").add_passages({}, "nothing")


def test_the_page_needs_nothing_but_itself(page):
    elements = Elements(page.render())
    for tag, attributes, text in elements.found:
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, name)
        assert "@import" not in text and "url(" not in text


def test_the_content_security_policy_admits_the_page_s_own_style_and_script_only(page):
    elements = Elements(page.render())
    policy = next(
        attributes["content"]
        for attributes, _ in elements.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "data:"
    for name in ("style", "script"):
        [(_, text)] = elements.named(name)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[f"{name}-src"] == f"'sha256-{digest}'"
    assert not any("style" in attributes for _, attributes, _ in elements.found)


def embedded(page: Page) -> tuple[str, bytes]:
    kind, content = re.search(r"data:(image/[a-z+]+);base64,([^\"]+)", page.render()).groups()
    return kind, base64.b64decode(content)


def test_a_small_figure_is_a_drawing_that_follows_a_dark_page(figure):
    kind, drawing = embedded(Page("page").add_figure(figure, "kernels", "four kernels"))
    assert kind == "image/svg+xml"
    assert b"@media (prefers-color-scheme:dark)" in drawing
    assert b"fill: var(--colour-0)" in drawing, "the paper"


def test_a_large_figure_is_embedded_as_pixels():
    figure = Figure()
    figure.subplots().scatter(*np.random.default_rng(0).random((2, 5000)))
    kind, pixels = embedded(Page("page").add_figure(figure, "a cloud", "5000 dots"))
    assert kind == "image/webp" and pixels[8:12] == b"WEBP"
    assert len(pixels) < LARGEST_DRAWING


def test_the_same_content_gives_the_same_page(page):
    assert page.render() == page.render()
    figures = (plot_kernels(np.ones((3, 3, 1, 4))) for _ in range(2))
    first, second = (Page("page").add_figure(figure, "a", "b").render() for figure in figures)
    assert first == second


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        (1234567, "1,234,567", "1234567"),
        (np.float32(0.5), "0.5", "0.5"),
        (-0.123456, "−0.1235", "-0.123456"),
        (123456.7, "123,457", "123456.7"),
        (float("inf"), "inf", "Infinity"),
        (float("nan"), "nan", "nan"),
        (True, "True", None),
        (None, "", None),
        ("a-b", "a-b", None),
    ],
)
def test_cells_show_a_rounded_value_and_sort_by_the_full_one(value, text, number):
    page = Page("page").add_table({"value": [value]}, "one value")
    [(attributes, shown)] = Elements(page.render()).named("td")
    assert (shown.strip(), attributes.get("data-number")) == (text, number)


def test_rows_and_columns_make_the_same_table():
    rows = [{"layer": "conv", "size": 3}, {"layer": "pool", "size": None}]
    columns = {"layer": ["conv", "pool"], "size": [3, None]}
    from_rows, from_columns = (Page("p").add_table(t, "t").render() for t in (rows, columns))
    assert from_rows == from_columns
    sparse = Page("p").add_table([rows[0], {"layer": "pool"}], "t").render()
    assert sparse == from_rows


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "at least one column and one row"),
        ({}, "at least one column and one row"),
        ({"a": []}, "at least one column and one row"),
        ({"a": [1, 2], "b": [1]}, "columns of the same length. Received: lengths={'a': 2, 'b': 1}"),
    ],
)
def test_bad_tables_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        Page("page").add_table(table, "a table")


def test_empty_facts_and_alternative_texts_are_refused(figure):
    with pytest.raises(ValueError, match="`facts` must be a non-empty mapping"):
        Page("page").add_facts({})
    with pytest.raises(ValueError, match="`alt` must be a text that says what the figure shows"):
        Page("page").add_figure(figure, "kernels", " ")


def test_writing_replaces_the_older_page(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("older")
    page.write(path)
    assert path.read_text(encoding="utf-8") == page.render()
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_failed_write_leaves_the_older_page_and_nothing_else(page, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")

    def fail(source, target):
        assert os.path.getsize(source) > 10_000, "the whole page is written before it moves"
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        page.write(path)
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_missing_folder_is_an_error(page, tmp_path):
    with pytest.raises(FileNotFoundError):
        page.write(tmp_path / "missing" / "report.html")
