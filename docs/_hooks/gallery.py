"""The page of all tasks, made of `docs/tasks.json`, which `docs/collect_runs.py` makes of runs."""

import json
from pathlib import Path

from mkdocs.structure.files import File
from tables import table  # its neighbour, which MkDocs lets a hook import

from keras_dlnotes import tasks
from keras_dlnotes.common.metrics import directions

DOCS = Path(__file__).parents[1]

INTRODUCTION = """# Tasks

A task is a fit on real data that comes with the package: a network of the notes, a simple baseline
to beat, and the pictures that the notes draw. `dlnotes fit NAME` trains one and writes all of what
is below into a report page; on the same versions and machine, the numbers come out again.

Every number is of one run, with seed {seeds}, on {versions}. The seconds are those of a
processor of two cores that other work shared."""


def on_files(files, config):
    """Adds the page, as if it lay beside the others."""
    files.append(File.generated(config, "tasks.md", content=page()))
    return files


def page():
    """The page as Markdown: a table of all tasks, then a section each."""
    runs = json.loads((DOCS / "tasks.json").read_text(encoding="utf-8"))
    rows = json.loads((DOCS / "headings.json").read_text(encoding="utf-8"))
    pages = {row["heading"]: row["page"] for row in rows}
    introduction = INTRODUCTION.format(
        seeds=_listed(run["seed"] for run in runs),
        versions=_listed(run["versions"] for run in runs),
    )
    parts = [introduction, table([_row(run) for run in runs])]
    return "\n\n".join(parts + [_section(run, pages[run["section"]]) for run in runs])


def _row(run):
    name, primary = run["task"], run["primary_metric"]
    score = tasks.get(name).score_named(primary)
    network, *others = run["methods"]
    baseline = next(row for row in others if row["method"] == run["baseline"])
    return {
        "task": f"[`{name}`](#{name})",
        "score": score.with_direction,
        "network": score.value(network["scores"][primary]),
        "simple baseline": score.value(baseline["scores"][primary]),
        "seconds": _counted(network["seconds"]),
    }


def _section(run, home):
    picture, named = run["picture"], tasks.get(run["task"]).score_named
    scores = map(named, run["methods"][0]["scores"])
    methods = [
        {"method": method["method"]}
        | {named(name).with_unit: value for name, value in method["scores"].items()}
        | {name: _counted(method.get(name)) for name in ("parameters", "epochs", "seconds")}
        for method in run["methods"]
    ]
    size = f'width="{picture["width"]}" height="{picture["height"]}"'
    return "\n\n".join(
        [
            f"## {run['task']} {{ #{run['task']} }}",
            f"{run['description']}. Lecture notes: [{run['section']}]({home}).",
            f"```sh\ndlnotes fit {run['task']}\n```",
            f"![{picture['alt']}]({picture['file']}){{ {size} loading=lazy }}",
            f"*{picture['caption']}*",
            table(methods),
            directions(scores),
        ]
    )


def _counted(number):
    return None if number is None else f"{round(number):,}"


def _listed(values):
    return " and ".join(map(str, sorted(set(values))))
