"""The site's tables name what there is."""

import ast
import json
import re
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from pathlib import Path
from runpy import run_path

import pytest

from docs._hooks import api, plots
from docs._hooks.drawings import DRAWINGS
from keras_dlnotes import reports, tasks
from keras_dlnotes.reports.plots.theme import DARK, PAPER

ROOT = Path(__file__).parents[1]
ROWS = json.loads((ROOT / "docs" / "headings.json").read_text(encoding="utf-8"))
RUNS = json.loads((ROOT / "docs" / "tasks.json").read_text(encoding="utf-8"))
GENERATED = {"headings.md", "tasks.md", "examples.md", "benchmarks.md", "changelog.md"}
WIDEST_CODE = 78  # columns of a page in a window of 1280 pixels
LARGEST_PICTURE = 60_000  # bytes


def section(link):
    """The text of a section, without its heading: up to the next one of its rank or above."""
    page, _, anchor = link.partition("#")
    parts = re.split(r"^(#+) (.*)$", (ROOT / "docs" / page).read_text("utf-8"), flags=re.MULTILINE)
    found = {}
    for start in range(1, len(parts), 3):
        rank, title = parts[start : start + 2]
        title, _, id_ = title.removesuffix(" }").partition(" { #")
        id_ = id_ or re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        assert id_ not in found, (page, id_)
        end = start + 3
        while end < len(parts) and len(parts[end]) > len(rank):
            end += 3
        found[id_] = "\n".join(parts[start + 2 : end])
    return found[anchor]


@pytest.mark.parametrize("row", ROWS, ids=[row["heading"] for row in ROWS])
def test_each_heading_of_the_notes_leads_somewhere(row):
    text = " ".join(section(row["page"]).lower().split())
    assert len(re.findall(r"[a-z]{2,}", text)) >= 40
    assert [word for word in row["words"] if word.lower() not in text] == []
    assert (ROOT / row["tests"]).is_file()
    part, _, name = row["code"].removeprefix("keras_dlnotes.").partition(".")
    assert name in import_module(f"keras_dlnotes.{part}").__all__


def test_gates_are_called_what_the_notes_call_them():
    """Other texts swap the words: in the notes o writes h, i reads the candidate."""
    words = {"o": "writ", "i": "read", "f": "forg"}
    after = re.compile(r"\b(read|writ|forg)\w*\b[^.;:()]{0,60}\(\$?([iof])\b", re.IGNORECASE)
    in_table = re.compile(r"\| (read|writ|forg)\w* gate \| \\\(([iof])\\\):")
    printed = re.compile(r'"(read|writ|forg)\w*\\?", ([iof])\.')
    of_result = re.compile(r"(?:h = φ\(c\) ⊙ ([o])|c = .* ([i]) ⊙ g).*\b(writ|read)")
    for name, least in {
        "docs/derivations/gates.md": 3,
        "examples/selective_write_read_forget.py": 3,
        "notebooks/sequence_half.ipynb": 6,
        "keras_dlnotes/ops/recurrent/lstm_step.py": 2,
    }.items():
        source = (ROOT / name).read_text(encoding="utf-8").replace('\\n",\n    "', " ")
        source = re.sub(r"\n(?=\w)", " ", source)
        pairs = after.findall(source) + printed.findall(source) + in_table.findall(source)
        pairs += [(word, o or i) for o, i, word in of_result.findall(source)]
        assert len(pairs) >= least, name
        assert all(words[gate] == word.lower() for word, gate in pairs), (name, pairs)


def test_no_heading_is_listed_twice():
    headings = [row["heading"] for row in ROWS]
    assert len(set(headings)) == len(headings)


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"^ +- .*: (\S+\.md)$", navigation, re.MULTILINE))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    generated = {
        name for name in listed if name in GENERATED or name.startswith(("api/", "notebooks/"))
    }
    assert listed == written | generated


DIRECTIVE = re.compile(r"^@(source|fast|loop) (\S+) (\S+)$", re.MULTILINE)
FOLDERS = {"source": "keras_dlnotes", "fast": "keras_dlnotes", "loop": "tests"}
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def test_the_sources_on_the_pages_are_there():
    directives = [match for page in PAGES for match in DIRECTIVE.findall(page.read_text("utf-8"))]
    assert len(directives) >= 20
    for kind, path, name in directives:
        source = (ROOT / FOLDERS[kind] / path).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b", source, re.MULTILINE), (path, name)


@pytest.mark.parametrize("page", ["conv", "gates", "norm", "pool", "recurrent", "separable"])
def test_the_plain_loop_comes_before_the_fast_code(page):
    text = (ROOT / "docs" / "derivations" / f"{page}.md").read_text(encoding="utf-8")
    kinds = [kind for kind, _, _ in DIRECTIVE.findall(text)]
    assert "source" not in kinds and kinds[0] == "loop" and "fast" in kinds


def test_the_gallery_has_every_task_and_no_other():
    assert [run["task"] for run in RUNS] == tasks.names()
    pictures = {path.name for path in (ROOT / "docs" / "images" / "tasks").iterdir()}
    assert pictures == {Path(run["picture"]["file"]).name for run in RUNS}


@pytest.mark.parametrize("run", RUNS, ids=[run["task"] for run in RUNS])
def test_the_gallery_says_what_the_task_is(run):
    task = tasks.get(run["task"])
    assert (run["description"], run["section"]) == (task.description, task.section)
    assert {row["heading"]: row["page"] for row in ROWS}[run["section"]] == task.see
    network, *variants = [method for method in run["methods"] if "epochs" in method]
    assert [variant["method"] for variant in variants] == list(task.variants)
    assert run["primary_metric"] == task.primary_metric and task.primary_metric in network["scores"]
    assert run["baseline"] in [method["method"] for method in run["methods"]]
    assert 0 < (ROOT / "docs" / run["picture"]["file"]).stat().st_size <= LARGEST_PICTURE


@pytest.mark.parametrize("run", RUNS, ids=[run["task"] for run in RUNS])
def test_a_score_has_a_name_and_a_direction(run):
    task = tasks.get(run["task"])
    assert task.score_named(run["primary_metric"]).direction in ("min", "max")
    assert task.scores.keys() <= run["methods"][0]["scores"].keys(), "no name of another score"
    scores = {
        method["method"]: method["scores"][run["primary_metric"]] for method in run["methods"]
    }
    worst = min if task.score_named(run["primary_metric"]).direction == "max" else max
    assert worst(scores, key=scores.get) != "this network"


def _figures():
    """The calls that put a figure on a report page, each with the texts among its arguments."""
    for path in sorted((ROOT / "keras_dlnotes").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(call, "func", None)
            name = getattr(name, "id", getattr(name, "attr", ""))
            if name in ("Picture", "add_figure"):
                yield pytest.param(name, call.args, id=f"{path.stem}:{call.lineno}")


@pytest.mark.parametrize(("name", "arguments"), list(_figures()))
def test_a_figure_of_a_report_says_what_to_look_for_and_where_it_is_explained(name, arguments):
    has_title = name == "Picture"
    assert len(arguments) >= 4 + has_title
    *_, see = arguments
    if len(arguments) == 5 + has_title and isinstance(see, ast.Constant):
        assert len(section(see.value)) > 100


def _directives(word):
    """What stands after `@word`, alone on a line, on each page."""
    pages = {path.relative_to(ROOT / "docs").as_posix(): path for path in ROOT.glob("docs/**/*.md")}
    return {
        name: re.findall(rf"^@{word} (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name, path in pages.items()
    }


def test_each_drawing_of_the_slides_is_on_one_page():
    placed = [name for names in _directives("drawing").values() for name in names]
    assert sorted(placed) == sorted(DRAWINGS)
    assert {name for row in ROWS for name in row.get("drawings", [])} == set(DRAWINGS)


def _numbers(element, *names):
    return [float(element.get(name)) for name in names]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_says_what_it_shows_and_lies_within_its_frame(name):
    figure = ElementTree.fromstring(DRAWINGS[name]().html(name))
    assert figure.get("id") == f"drawing-{name}" and figure.find("figcaption").text
    for panel in figure.iter("svg"):
        assert panel.get("role") == "img" and panel.find("title").text
        width, height = map(float, panel.get("viewBox").split()[2:])
        places = [_numbers(text, "x", "y") for text in panel.iter("text")]
        for box in panel.iter("rect"):
            x, y, wide, high = _numbers(box, "x", "y", "width", "height")
            places += [(x, y), (x + wide, y + high)]
        for circle in panel.iter("circle"):
            x, y, radius = _numbers(circle, "cx", "cy", "r")
            places += [(x - radius, y - radius), (x + radius, y + radius)]
        for line in [*panel.iter("polyline"), *panel.iter("polygon")]:
            places += [map(float, point.split(",")) for point in line.get("points").split()]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in map(tuple, places))


def test_the_drawings_have_the_numbers_of_the_notes():
    moved = DRAWINGS["pooling_translation"]()
    assert "16 of 16" in moved.caption and "6 of 9" in moved.caption
    gates = ElementTree.fromstring(DRAWINGS["selective_write"]().html("selective_write"))
    texts = ["".join(text.itertext()) for text in gates.iter("text")]
    assert {"0.21", "0.56", "0.3"} <= set(texts)


@pytest.mark.thorough
def test_each_plot_function_has_a_picture():
    assert list(plots.PLOTS) == [name for name in reports.__all__ if name.startswith("plot_")]
    for draw in plots.PLOTS.values():
        picture = plots.drawn(draw())
        assert len(picture) < 150_000 and ElementTree.fromstring(picture).tag.endswith("svg")
        dark = plots.darkened(picture)
        assert DARK[PAPER] in dark and not any(colour in dark for colour in DARK)


@pytest.mark.parametrize("part", api.FAMILIES)
def test_a_page_of_the_api_has_each_name_in_one_family(part):
    names = import_module(f"keras_dlnotes.{part}").__all__
    page = api.page(part)
    entries = re.findall(r"^::: \S+\.(\w+)$", page, re.MULTILINE)
    assert sorted(entries) == sorted(names)
    assert re.findall("^## (.*)$", page, re.MULTILINE) == list(api.FAMILIES[part])


def test_every_example_is_on_one_page_with_its_picture():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("examples/*.py")}
    placed = [name for names in _directives("example").values() for name in names]
    assert sorted(placed) == sorted(sources)
    pictures = list((ROOT / "docs" / "images" / "examples").iterdir())
    assert {path.stem for path in pictures} == {
        name for name in sources if "savefig" in sources[name]
    }
    assert all(0 < path.stat().st_size <= LARGEST_PICTURE for path in pictures)


def test_the_tables_of_the_readme_are_what_was_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    written = run_path(str(ROOT / "docs" / "readme_tables.py"))["written"]
    assert written(text) == text, "run docs/readme_tables.py"


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.stem)
def test_code_is_no_wider_than_a_page(path):
    blocks = re.findall(r"```\w+\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line for line in lines if len(line) > WIDEST_CODE] == []
