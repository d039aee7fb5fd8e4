"""The small drawings of the front page's cards: `<span data-card="NAME"></span>` becomes one."""

import json
import re
from pathlib import Path

from drawings.svg import Panel  # its neighbour, which MkDocs lets a hook import

DOCS = Path(__file__).parents[1]
PLACE = re.compile(r'<span data-card="(\w+)"></span>')
SIZE = 240, 104


def on_page_content(html, page, config, files):
    """Puts the drawings in; a name that there isn't ends the build."""
    return PLACE.sub(lambda match: drawn(match[1]), html)


def drawn(name):
    """A drawing as HTML."""
    return f'<span class="drawing card" data-search-exclude="">{CARDS[name]().svg()}</span>'


def ideas():
    panel = Panel(*SIZE, "A patch of an image leads to one pixel of a feature map")
    patch = {(row, column): "kernel" for row in (1, 2, 3) for column in (1, 2, 3)}
    panel.grid(14, 8, [[""] * 6] * 6, 15, "input", patch)
    panel.grid(162, 23, [[""] * 4] * 4, 15, "plain", {(1, 1): "output"})
    panel.arrow([(74, 46), (176, 46)], "strong")
    return panel


def derivations():
    panel = Panel(*SIZE, "From the formula to the backward pass to the code")
    for place, (kind, label) in enumerate(
        [("input", "$y = f(x)$"), ("gradient", "$∂L/∂x$"), ("output", "code")]
    ):
        panel.box(6 + 82 * place, 32, 64, 40, kind, label)
        if place:
            panel.arrow([(82 * place - 12, 52), (82 * place + 6, 52)])
    return panel


def tasks():
    """What a network is off by, and a rule: of the run that the gallery shows."""
    runs = json.loads((DOCS / "tasks.json").read_text(encoding="utf-8"))
    [run] = [run for run in runs if run["task"] == "sunspots"]
    values = {method["method"]: method["scores"]["test_mae"] for method in run["methods"]}
    shown = {"network": values["this network"], "last value": values[run["baseline"]]}
    panel = Panel(*SIZE, "The error of a network in a bar that is shorter than that of a rule")
    panel.text(8, 16, "sunspots: mean error", "small", "start")
    for place, (name, value) in enumerate(shown.items()):
        top, width = 32 + 34 * place, 124 * value / max(shown.values())
        panel.text(66, top + 13, name, "", "end")
        panel.box(72, top, width, 26, ("output", "input")[place])
        panel.text(78 + width, top + 13, f"{value:.1f}", "", "start")
    return panel


def tour():
    panel = Panel(*SIZE, "An image with a border of zeros, and a kernel on its corner")
    border = {
        (row, column): "pad" for row in range(6) for column in range(6) if {row, column} & {0, 5}
    }
    panel.grid(20, 7, [[""] * 6] * 6, 15, "input", border)
    panel.add("rect", "frame", x=20, y=7, width=45, height=45)
    panel.text(172, 42, "padding=1", "math")
    panel.text(172, 64, "as in PyTorch", "small")
    return panel


def how_to():
    panel = Panel(*SIZE, "A network goes from PyTorch to Keras to a file")
    for place, (kind, label) in enumerate(
        [("input", "PyTorch"), ("kernel", "Keras"), ("output", "ONNX")]
    ):
        panel.box(6 + 82 * place, 32, 64, 40, kind, label)
        if place:
            panel.arrow([(82 * place - 12, 52), (82 * place + 6, 52)])
    return panel


def slides():
    panel = Panel(*SIZE, "Each heading of the slides leads to a section")
    panel.box(14, 10, 92, 84, "plain")
    panel.box(144, 10, 82, 84, "output")
    for place, width in enumerate((64, 48, 70)):
        top = 28 + 24 * place
        panel.line([(22, top), (22 + width, top)], "strong")
        panel.arrow([(98, top), (152, top)])
        panel.line([(158, top), (214, top)])
    return panel


CARDS = {
    "ideas": ideas,
    "derivations": derivations,
    "tasks": tasks,
    "tour": tour,
    "how_to": how_to,
    "slides": slides,
}
