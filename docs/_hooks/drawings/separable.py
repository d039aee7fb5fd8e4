"""Cheaper convolutions: two vectors for a kernel, two steps for a layer."""

import numpy as np

from keras_dlnotes import ops

from .svg import Drawing, Panel, whole


def separable_kernel():
    """The notes' two kernels as a column times a row."""
    panels = []
    for name, column, row in (
        ("of the notes", np.array([3, 4, 5]), np.array([1, 2, 3])),
        ("Sobel", np.array([1, 2, 1]), np.array([-1, 0, 1])),
    ):
        kernel = np.outer(column, row)
        panel = Panel(258, 112, "A kernel as the product of a column and a row")
        panel.grid(4, 22, whole(kernel), 28, "kernel")
        panel.text(102, 64, "=")
        panel.grid(116, 22, whole(column[:, None]), 28, "input")
        panel.text(158, 64, "×")
        panel.grid(170, 50, whole(row[None, :]), 28, "output")
        panel.text(46, 9, name)
        panels.append(panel)
    return Drawing(
        "A kernel of rank one is a column times a row: 9 numbers made of 6. Most kernels aren't: "
        f"what comes nearest to a diagonal of ones misses {ops.separate_kernel(np.eye(3))[2]:.0%} "
        "of it.",
        panels,
    )


def spatially_separable():
    """One step of k², or two of k products a pixel."""
    side, k = 9, 3
    out = ops.output_length(side, k)
    simple = out * out * k * k
    two = out * side * k + out * out * k
    panel = Panel(344, 222, "A 3×3 kernel in one step, and a 3×1 then a 1×3 kernel in two")
    panel.box(6, 22, 72, 72, "input", f"{side}×{side}")
    panel.arrow([(82, 58), (262, 58)])
    panel.box(150, 36, 42, 42, "kernel", f"{k}×{k}")
    panel.box(268, 30, 56, 56, "output", f"{out}×{out}")
    panel.text(172, 10, f"one step: {simple} multiplications")
    panel.box(6, 142, 72, 72, "input", f"{side}×{side}")
    panel.arrow([(82, 178), (142, 178)])
    panel.box(102, 157, 16, 42, "kernel")
    panel.text(110, 208, f"{k}×1")
    panel.box(146, 150, 72, 56, "plain", f"{out}×{side}")
    panel.arrow([(222, 178), (264, 178)])
    panel.box(222, 170, 36, 16, "kernel")
    panel.text(240, 208, f"1×{k}")
    panel.box(268, 150, 56, 56, "output", f"{out}×{out}")
    panel.text(172, 124, f"two steps: {out * side * k} + {out * out * k} = {two}")
    return Drawing(
        f"One channel of {side}×{side} pixels. Two steps by vectors give the same map with {two} "
        f"in place of {simple} multiplications; the larger k, the more is saved.",
        [panel],
    )


def depthwise_separable():
    """The notes' 12×12×3 image, by a normal convolution and in two steps."""
    side, k, deep, maps = 12, 5, 3, 256
    out = ops.output_length(side, k)
    normal = k * k * deep * out * out * maps
    first, second = k * k * deep * out * out, deep * out * out * maps
    panels = []
    panel = Panel(344, 132, f"Normal: {maps} kernels of {k}×{k}×{deep}")
    panel.text(172, 9, f"normal: {normal:,} multiplications")
    panel.stack(6, 34, 60, 60, deep, "input")
    panel.arrow([(80, 68), (246, 68)])
    panel.stack(140, 46, 30, 30, deep, "kernel")
    panel.stack(252, 42, 42, 42, 6, "output")
    panel.text(40, 122, f"{side}×{side}×{deep}")
    panel.text(160, 122, f"{maps} of {k}×{k}×{deep}")
    panel.text(284, 122, f"{out}×{out}×{maps}")
    panels.append(panel)
    panel = Panel(
        344, 150, f"Depthwise, a kernel for each of {deep} channels, then pointwise by 1×1"
    )
    panel.text(172, 9, f"depthwise {first:,} + pointwise {second:,} = {first + second:,}")
    panel.stack(6, 34, 60, 60, deep, "input")
    panel.arrow([(80, 68), (146, 68)])
    for channel in range(deep):
        panel.box(98, 34 + 23 * channel, 20, 20, "kernel", radius=1)
    panel.stack(152, 44, 42, 42, deep, "plain")
    panel.arrow([(208, 68), (256, 68)])
    panel.stack(222, 60, 8, 8, deep, "kernel")
    panel.stack(262, 42, 42, 42, 6, "output")
    panel.text(40, 122, f"{side}×{side}×{deep}")
    panel.text(108, 122, f"{deep} of {k}×{k}")
    panel.text(176, 122, f"{out}×{out}×{deep}")
    panel.text(226, 142, f"{maps} of 1×1×{deep}")
    panel.text(294, 122, f"{out}×{out}×{maps}")
    panels.append(panel)
    return Drawing(
        "A normal kernel looks at space and channels at once. Depthwise-separable, one step "
        "filters each channel, the next mixes them: "
        f"{(first + second) / normal:.4f} of the multiplications, "
        f"1/N + 1/Dₖ² = 1/{maps} + 1/{k * k}.",
        panels,
    )


DRAWINGS = {
    draw.__name__: draw for draw in (separable_kernel, spatially_separable, depthwise_separable)
}
