"""Pooling, and where its gradient goes: the tables of the lecture notes."""

import numpy as np

from .measured import pooled, pooled_gradient
from .svg import Drawing, Panel, whole

IMAGE = np.array([[12, 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]])
MOVED = np.array([[7, 12, 37, 11], [4, 9, 83, 92], [11, 5, 17, 11], [2, 21, 16, 15]])


def _changed(before, after):
    return {(int(i), int(j)): "gradient" for i, j in np.argwhere(before != after)}


def pooling_translation():
    """The image moved by a pixel: what changes before and after the pooling."""
    first, second = pooled(IMAGE, 2, 1), pooled(MOVED, 2, 1)
    changed = (_changed(IMAGE, MOVED), _changed(first, second))
    panels = []
    for name, image, pool, marks in (
        ("input", IMAGE, first, ({}, {})),
        ("translated input", MOVED, second, changed),
    ):
        panel = Panel(250, 138, f"{name} and the maximum of each 2×2 window")
        panel.grid(4, 26, whole(image), 26, "input", marks[0])
        panel.arrow([(116, 78), (142, 78)])
        panel.grid(150, 33, whole(pool), 30, "output", marks[1])
        panel.text(56, 12, name)
        panel.text(195, 12, "pooled")
        panels.append(panel)
    return Drawing(
        f"The image moves right by a pixel: {len(changed[0])} of {IMAGE.size} values change in the "
        f"image, {len(changed[1])} of {first.size} after max pooling (windows of 2×2, stride 1). "
        "What changed is marked.",
        panels,
    )


def max_pool_gradient():
    """Forward the maximum, backward D to where it was; in the notes' own letters."""
    image = np.array([[12, 83, 11, 72], [9, 37, 92, 11], [21, 17, 11, 4], [5, 16, 13, 15]])
    names = np.array([[1, 2], [3, 4]])
    place = pooled_gradient(image, names, 2, 2)
    won = {(int(i), int(j)): "output" for i, j in np.argwhere(place)}
    there = Panel(250, 150, "Forward: the maximum of each window")
    there.grid(4, 30, whole(image), 27, "input", won)
    there.arrow([(118, 84), (148, 84)])
    there.grid(158, 54, whole(pooled(image, 2, 2)), 30, "output")
    there.text(58, 14, "$x$")
    there.text(188, 40, "$y$")
    back = Panel(250, 150, "Backward: each D goes to the pixel that won its window, 0 elsewhere")
    label = {0: "0"} | {n: f"$D_{{{1 + (n - 1) // 2}{1 + (n - 1) % 2}}}$" for n in range(1, 5)}
    cells = [[label[int(value)] for value in row] for row in place]
    back.grid(4, 30, cells, 27, "plain", {cell: "gradient" for cell in won})
    back.arrow([(148, 84), (118, 84)], "gradient-line")
    back.grid(158, 54, [[label[1], label[2]], [label[3], label[4]]], 30, "gradient")
    back.text(58, 14, "$∂E/∂x$")
    back.text(188, 40, "$D = ∂E/∂y$")
    for panel in (there, back):
        panel.box(4, 30, 54, 54, "frame", radius=0)
        panel.box(58, 30, 54, 54, "frame", radius=0)
        panel.box(4, 84, 54, 54, "frame", radius=0)
        panel.box(58, 84, 54, 54, "frame", radius=0)
    return Drawing(
        "y₁₁ = x₁₂, so x₁₂ gets all of D₁₁, and the other three pixels of that window get nothing: "
        "y₁₁ doesn't depend on them.",
        [there, back],
    )


DRAWINGS = {draw.__name__: draw for draw in (pooling_translation, max_pool_gradient)}
