"""The site's tables name what there is."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from keras_dlnotes import tasks

ROOT = Path(__file__).parents[1]
ROWS = json.loads((ROOT / "docs" / "headings.json").read_text(encoding="utf-8"))
RUNS = json.loads((ROOT / "docs" / "tasks.json").read_text(encoding="utf-8"))
GENERATED = {"headings.md", "tasks.md", "benchmarks.md", "changelog.md"}
LARGEST_PICTURE = 60_000  # bytes


@pytest.mark.parametrize("row", ROWS, ids=[row["heading"] for row in ROWS])
def test_each_heading_of_the_notes_leads_somewhere(row):
    assert (ROOT / "docs" / row["page"]).is_file() or row["page"].startswith("api/")
    assert (ROOT / row["tests"]).is_file()
    part, _, name = row["code"].removeprefix("keras_dlnotes.").partition(".")
    assert name in import_module(f"keras_dlnotes.{part}").__all__


def test_gates_are_called_what_the_notes_call_them():
    """Other texts swap the words: in the notes o writes h, i reads the candidate."""
    words = {"o": "writ", "i": "read", "f": "forg"}
    after = re.compile(r"\b(read|writ|forg)\w*\b[^.;:()]{0,60}\(\$?([iof])\b", re.IGNORECASE)
    printed = re.compile(r'"(read|writ|forg)\w*\\?", ([iof])\.')
    of_result = re.compile(r"(?:h = φ\(c\) ⊙ ([o])|c = .* ([i]) ⊙ g).*\b(writ|read)")
    for name, least in {
        "docs/derivations/recurrent.md": 3,
        "examples/selective_write_read_forget.py": 3,
        "notebooks/sequence_half.ipynb": 6,
        "keras_dlnotes/ops/recurrent/lstm_step.py": 2,
    }.items():
        source = (ROOT / name).read_text(encoding="utf-8").replace('\\n",\n    "', " ")
        source = re.sub(r"\n(?=\w)", " ", source)
        pairs = after.findall(source) + printed.findall(source)
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
    generated = {name for name in listed if name in GENERATED or name.startswith("api/")}
    assert listed == written | generated


def test_the_sources_on_the_pages_are_there():
    directives = [
        match
        for page in (ROOT / "docs").rglob("*.md")
        for match in re.findall(
            r"^@source (\S+) (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert len(directives) >= 8
    for path, name in directives:
        source = (ROOT / "keras_dlnotes" / path).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b", source, re.MULTILINE), (path, name)


def test_the_gallery_has_every_task_and_no_other():
    assert [run["task"] for run in RUNS] == tasks.names()
    pictures = {path.name for path in (ROOT / "docs" / "images" / "tasks").iterdir()}
    assert pictures == {Path(run["picture"]["file"]).name for run in RUNS}


@pytest.mark.parametrize("run", RUNS, ids=[run["task"] for run in RUNS])
def test_the_gallery_says_what_the_task_is(run):
    task = tasks.get(run["task"])
    assert (run["description"], run["section"]) == (task.description, task.section)
    assert run["section"] in [row["heading"] for row in ROWS]
    network, *variants = [method for method in run["methods"] if "seconds" in method]
    assert [variant["method"] for variant in variants] == list(task.variants)
    assert run["primary_metric"] == task.primary_metric and task.primary_metric in network["scores"]
    assert run["baseline"] in [method["method"] for method in run["methods"]]
    assert 0 < (ROOT / "docs" / run["picture"]["file"]).stat().st_size <= LARGEST_PICTURE
