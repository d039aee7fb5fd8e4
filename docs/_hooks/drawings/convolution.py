"""A kernel on an image, and back."""

import numpy as np

from keras_dlnotes import ops

from .measured import convolved, transposed
from .svg import Drawing, Panel, whole

EDGES = np.repeat([[0, 0, 1, 1, 0]], 5, axis=0)
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def cross_correlation():
    """Letters on letters: what each place of a 2×2 kernel on a 3×3 image adds up."""
    panel = Panel(340, 204, "A 3×3 image, a 2×2 kernel, and the four sums of products")
    image, kernel = ["abc", "def", "ghi"], ["jk", "lm"]
    first = {(i, j): "input" for i in range(2) for j in range(2)}
    as_maths = [[f"${letter}$" for letter in row] for row in image]
    panel.grid(52, 24, as_maths, 26, "plain", first)
    panel.text(150, 63, "∗")
    panel.grid(170, 37, [[f"${letter}$" for letter in row] for row in kernel], 26, "kernel")
    panel.text(91, 10, "$I$")
    panel.text(196, 23, "$K$")
    sums = [
        [
            " + ".join(f"{image[i + m][j + n]}{kernel[m][n]}" for m in range(2) for n in range(2))
            for j in range(2)
        ]
        for i in range(2)
    ]
    panel.text(250, 63, "=  $S$")
    cells = [[f"${cell}$" for cell in row] for row in sums]
    panel.grid(50, 122, cells, 120, "plain", {(0, 0): "output"}, height=32)
    panel.arrow([(78, 104), (98, 120)])
    return Drawing(
        "S = K ∗ I: at each place the kernel is laid on the image, each pair is multiplied, and "
        "the products are added up. The marked patch becomes the marked sum.",
        [panel],
    )


def feature_map():
    """The Sobel kernel on an edge, and what the activation leaves."""
    values = convolved(EDGES, SOBEL)
    panel = Panel(350, 134, "An image, a kernel, its feature map, and the map after the ReLU")
    cells = (
        (EDGES, 20, 4, "input", "image"),
        (SOBEL, 21, 122, "kernel", "kernel"),
        (values, 21, 202, "output", "feature map"),
        (np.maximum(values, 0), 21, 284, "output", "ReLU"),
    )
    for array, size, x, kind, name in cells:
        y = 80 - size * len(array) / 2
        panel.grid(x, y, whole(array), size, kind)
        panel.text(x + size * len(array) / 2, y - 12, name, "small")
    panel.text(113, 80, "∗")
    panel.text(194, 80, "=")
    panel.arrow([(267, 80), (282, 80)])
    return Drawing(
        "The Sobel kernel answers to edges: positive where values rise, negative where they fall. "
        "The activation keeps what is positive.",
        [panel],
    )


def convolution_step():
    """One place of the kernel, weight by weight."""
    panel = Panel(340, 178, "A 3×3 kernel on the upper left corner of an image")
    weights = [[f"$w_{3 * i + j + 1}$" for j in range(3)] for i in range(3)]
    pixels = [
        [f"$v_{{{i + 1}{j + 1}}}$" if i < 3 and j < 3 else "" for j in range(6)] for i in range(5)
    ]
    panel.grid(4, 40, weights, 30, "kernel")
    lit = {(i, j): "input" for i in range(3) for j in range(3)} | {(1, 1): "output"}
    panel.grid(150, 20, pixels, 30, "plain", lit)
    panel.text(49, 26, "kernel")
    panel.text(240, 8, "image of one channel")
    panel.arrow([(100, 85), (144, 70)])
    return Drawing(
        "S(2, 2) = w₁v₁₁ + w₂v₁₂ + … + w₉v₃₃ takes the place of the pixel in the middle; then the "
        "kernel moves on.",
        [panel],
    )


def sliding_kernel():
    """All four cases of stride and padding on a 5×5 image."""
    panels = []
    length, kernel, cell = 5, 3, 16
    for padding in (0, 1):
        for stride in (1, 2):
            out = ops.output_length(length, kernel, padding=padding, stride=stride)
            name = f"stride {stride}, padding {padding}"
            panel = Panel(124, 230, f"{name}: {length} pixels a side become {out}")
            panel.text(62, 9, name)
            left, top = 62 - cell * length / 2, 24 + cell
            for i in range(-padding, length + padding):
                for j in range(-padding, length + padding):
                    inside = 0 <= i < length and 0 <= j < length
                    kind, label = ("input", "") if inside else ("pad", "0")
                    panel.box(left + cell * j, top + cell * i, cell, cell, kind, label, 0)
            for number, kind in enumerate(("second", "first")):
                move = stride * (1 - number) - padding
                x, y = left + cell * move, top - cell * padding
                panel.box(x, y, cell * kernel, cell * kernel, f"frame {kind}", radius=2)
            panel.grid(62 - cell * out / 2, 148, [[""] * out] * out, cell, "output")
            panels.append(panel)
    return Drawing(
        f"A {kernel}×{kernel} kernel on a {length}×{length} image, at its first place and, dashed, "
        "at its second. Padding puts zeros around the image; the larger the stride, the smaller "
        "the map.",
        panels,
    )


def channels():
    """Kernels as deep as the image, and a map for each."""
    panel = Panel(
        344, 196, "An image of three channels, two kernels of depth three, two feature maps"
    )
    sheets = ("sheet-red", "sheet-green", "sheet-blue")
    for number, kind in enumerate(sheets):
        panel.box(6 + 9 * number, 46 + 9 * number, 76, 76, kind, radius=1)
        for row in range(2):
            x, y = 146 + 7 * number, 26 + 84 * row + 7 * number
            panel.box(x, y, 36, 36, kind, radius=1)
    for row in range(2):
        y = 52 + 84 * row
        panel.arrow([(108, 98), (142, y)])
        panel.arrow([(202, y), (246, y)])
        panel.box(250, y - 30, 60, 60, "output", radius=1)
        panel.text(280, y, f"map {row + 1}")
    panel.text(54, 160, "3 channels")
    panel.text(171, 186, f"2 kernels, {3 * 3 * 3} weights each")
    panel.text(171, 10, "3×3×3")
    return Drawing(
        f"A kernel has as many channels as the image: 3 · 3 · 3 = {3 * 3 * 3} weights, and a bias. "
        "It adds up over the channels, so each kernel makes one map, and N kernels make N.",
        [panel],
    )


def transposed_convolution():
    """A 2×2 image laid out by a 2×2 kernel; where the prints overlap, they add up."""
    image, kernel = np.array([[1, 2], [3, 4]]), np.array([[1, 2], [0, 1]])
    result = transposed(image, kernel)
    panel = Panel(344, 214, "Each pixel times the kernel, laid at its place, and their sum")
    panel.grid(20, 30, whole(image), 26, "input")
    panel.grid(112, 30, whole(kernel), 26, "kernel")
    panel.grid(220, 17, whole(result), 26, "output")
    panel.text(46, 18, "$y$")
    panel.text(138, 18, "$K$")
    panel.text(92, 56, "∗ᵀ")
    panel.text(192, 56, "=")
    for number in range(4):
        i, j = divmod(number, 2)
        sheet = np.full((3, 3), np.nan)
        sheet[i : i + 2, j : j + 2] = image[i, j] * kernel
        x = 6 + 86 * number
        labels = [["" if np.isnan(v) else f"{v:g}" for v in row] for row in sheet]
        lit = {(a, b): "input" for a in (i, i + 1) for b in (j, j + 1)}
        panel.grid(x, 136, labels, 24, "plain", lit)
        panel.text(x + 36, 124, f"{image[i, j]} · $K$")
        if number < 3:
            panel.text(x + 79, 172, "+")
    return Drawing(
        "Each pixel lays a copy of the kernel, times its value, onto the larger image; where "
        "copies overlap, they add up. With stride s the copies lie s apart, and "
        f"s(m − 1) + k − 2p = 1·({len(image)} − 1) + {len(kernel)} − 0 = {len(result)} pixels a "
        "side come out here.",
        [panel],
    )


DRAWINGS = {
    draw.__name__: draw
    for draw in (
        cross_correlation,
        convolution_step,
        sliding_kernel,
        feature_map,
        channels,
        transposed_convolution,
    )
}
