"""Writes the README's tables of scores and of speed out of what was measured.

    python docs/readme_tables.py

The scores are those of `docs/tasks.json`, the ratios those of `benchmarks/results`. Each table
stands between two comments that name it; a test compares them.
"""

import json
import re
from pathlib import Path

from keras_dlnotes import tasks

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

RECURRENT = ("32×100×64×128", "8×512×16×64")
IMAGE, POOLED = "32×56×56×64", ("pool", "pool_without_onednn")
# layer, input, file of the results, its row
ROWS = [
    *(
        (
            f"`{cell}`, {shape.rpartition('×')[2]} units",
            shape.rpartition("×")[0],
            "recurrent",
            shape,
        )
        for shape in RECURRENT
        for cell in ("LSTM", "GRU")
    ),
    ("`BatchNormalization`", IMAGE, "norm", f"BatchNormalization {IMAGE}"),
    ("`Conv2D` 3×3, padding 1", IMAGE, "conv", "Conv2D 3×3/1 p=1, 64 → 64"),
    ("`Conv2D` 3×3, stride 2, padding 1", IMAGE, "conv", "Conv2D 3×3/2 p=1, 64 → 64"),
    ("`DepthwiseConv2D` 3×3, padding 1", IMAGE, "conv", "DepthwiseConv2D 3×3/1 p=1, 64"),
    ("`SeparableConv2D` 3×3, padding 1", IMAGE, "conv", "SeparableConv2D 3×3/1 p=1, 64 → 64"),
    (
        "`Conv2DTranspose` 4×4, stride 2, padding 1",
        "16×28×28×128",
        "conv",
        "Conv2DTranspose 4×4/2 p=1, 128 → 64",
    ),
    *(
        (f"`{layer}` {window}{note}", IMAGE, file, f"{layer} {row}")
        for layer, window, row in [
            ("MaxPooling2D", "2×2, stride 2", "2×2/2 p=0"),
            ("MaxPooling2D", "3×3, stride 2, padding 1", "3×3/2 p=1"),
            ("AveragePooling2D", "3×3, stride 2, padding 1", "3×3/2 p=1"),
        ]
        for file, note in zip(POOLED, ("", ", without oneDNN"), strict=True)
    ),
]


def scores() -> str:
    """A row for each task: the network's score beside that of the simple baseline."""
    rows = []
    for run in json.loads((ROOT / "docs" / "tasks.json").read_text(encoding="utf-8")):
        metric = run["primary_metric"]
        network, *others = run["methods"]
        (baseline,) = [other for other in others if other["method"] == run["baseline"]]
        values = [f"{method['scores'][metric]:.3g}" for method in (network, baseline)]
        score = tasks.get(run["task"]).score_named(metric)
        name = ", ".join(filter(None, (score.words.removeprefix("test "), score.unit)))
        name += " ↓" if score.direction == "min" else ""
        rows.append((f"`{run['task']}`", run["description"], name, *values))
    return table(("task", "what it shows", "test score", "network", "simple baseline"), rows)


def speeds() -> str:
    """A row for each layer: how many times longer the others take."""
    rows = []
    for name, shape, file, wanted in ROWS:
        path = ROOT / "benchmarks" / "results" / f"{file}.json"
        measured = {row["layer"]: row for row in json.loads(path.read_text("utf-8"))["rows"]}
        row = measured[f"{name.split('`')[1]} {wanted}" if file == "recurrent" else wanted]
        keras = min(row[key] for key in ("keras / ours", "keras under XLA / ours") if key in row)
        others = (row["torch / ours"], row.get("torch channels last / ours"))
        rows.append((name, shape, *map(ratio, (keras, *others))))
    return table(("layer", "input", "`keras.layers`", "PyTorch", "PyTorch, channels last"), rows)


def ratio(value: float | None) -> str:
    """A ratio with two digits, or a dash."""
    if value is None:
        return "–"
    return f"{value:.2f}" if round(value, 2) < 1 else f"{value:.1f}"


def table(columns, rows) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def written(text: str) -> str:
    """The README with both tables in their places."""
    for name, content in {"scores": scores(), "speeds": speeds()}.items():
        text, count = re.subn(
            rf"(?<=<!-- {name} -->\n)[^\0]*?(?=\n<!-- end of {name} -->)",
            lambda _, content=content: content,
            text,
        )
        if count != 1:
            raise ValueError(f"{README.name} has {count} places for {name}")
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
