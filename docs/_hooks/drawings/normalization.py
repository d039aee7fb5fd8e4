"""What batch normalization evens out."""

import math

from .svg import Drawing, Panel


def batch_normalization():
    """Three mini-batches before and after."""
    batches = ((-1.6, 0.55), (0.2, 1.0), (1.9, 0.7))
    kinds = ("weight-1", "weight-2", "weight-3")
    panels = []
    for name, shapes in (
        ("before", batches),
        ("after: mean 0, deviation 1", [((m - m) / s, s / s) for m, s in batches]),
    ):
        panel = Panel(250, 138, f"The values of a hidden feature in three mini-batches, {name}")
        panel.text(125, 10, name)
        panel.line([(10, 118), (240, 118)])
        panel.text(125, 130, "0", "small")
        for number, ((mean, deviation), kind) in enumerate(zip(shapes, kinds, strict=True)):
            tilt = 1 + 0.04 * number if name != "before" else 1  # so that equal curves are seen
            points = []
            for step in range(81):
                value = -4 + step / 10
                height = math.exp(-0.5 * ((value - mean) / deviation) ** 2) / deviation * tilt
                points.append((125 + 28 * value, 117 - 46 * height))
            panel.line(points, kind)
        panels.append(panel)
    return Drawing(
        "What a hidden layer is given differs from mini-batch to mini-batch (three of them, a "
        "colour each). Normalized by its own mean and deviation, each batch is on the same scale.",
        panels,
    )


DRAWINGS = {batch_normalization.__name__: batch_normalization}
