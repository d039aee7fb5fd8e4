"""What a convolutional network is for: wiring, shared weights, and what a node sees."""

import numpy as np

from keras_dlnotes import ops

from .measured import convolved
from .svg import Drawing, Panel, whole

IMAGE_A = np.array([[138, 182, 211], [79, 153, 241], [101, 122, 89]])  # of the lecture notes
WEIGHTS = ("weight-1", "weight-2", "weight-3")  # a colour for each


def flattened_image():
    """An image as a vector, and each value wired to each node."""
    panel = Panel(
        340, 262, "A 3×3 image beside its nine values in a column, all wired to four nodes"
    )
    near = [(0, 0), (1, 0)]
    panel.grid(10, 84, IMAGE_A, 34, "input", {place: "output" for place in near})
    panel.text(61, 64, "image A")
    panel.arrow([(122, 135), (152, 135)])
    values = IMAGE_A.ravel()
    places = [(176, 22 + 27 * n) for n in range(len(values))]
    nodes = [(310, 55 + 50 * n) for n in range(4)]
    panel.wires([(x + 20, y) for x, y in places], [(x - 10, y) for x, y in nodes], "faint")
    marked = {i * 3 + j for i, j in near}
    for n, (x, y) in enumerate(places):
        panel.box(x - 20, y - 12, 40, 24, "output" if n in marked else "input", values[n])
    for x, y in nodes:
        panel.node(x, y, 10)
    return Drawing(
        "Flattening loses where pixels are: 138 and 79 touch in the image and lie "
        f"{IMAGE_A.shape[1]} apart in the vector. And each node has a weight for each pixel: "
        f"{len(values)} · {len(nodes)} = {len(values) * len(nodes)} here, "
        f"{224 * 224 * 3:,} for one node on a 224×224 colour image.",
        [panel],
    )


def equivariance():
    """A patch that moves, and its response, which moves along."""
    patch = np.array([[1, 2], [2, 1]])
    panels = []
    for row, column in ((0, 0), (2, 1)):
        image = np.zeros((5, 5))
        image[row : row + 2, column : column + 2] = patch
        response = convolved(image, patch)
        strongest = np.unravel_index(response.argmax(), response.shape)
        panel = Panel(
            250, 140, "An image with a patch, and the response to a kernel of that pattern"
        )
        seen = {(row + i, column + j): "input" for i in range(2) for j in range(2)}
        panel.grid(4, 20, whole(image), 21, "plain", seen)
        panel.arrow([(118, 72), (140, 72)])
        panel.grid(148, 28, whole(response), 24, "plain", {strongest: "output"})
        panel.text(56, 9, "image")
        panel.text(196, 14, "feature map")
        panel.text(196, 134, f"largest value {response.max():g}")
        panels.append(panel)
    return Drawing(
        "Equivariance: the patch moves, and its response moves by as much. Invariance: the largest "
        "value of the map, which a pooling over all of it keeps, is the same for both.",
        panels,
    )


def _layers(panel, counts, top, height, width, radius=9):
    """Rows of nodes, from the bottom up; returns their middles, a list a row."""
    middle = width / 2
    rows = []
    for number, count in enumerate(counts):
        y = top + height * (len(counts) - 1 - number)
        rows.append([(middle + 34 * (n - (count - 1) / 2), y) for n in range(count)])
    return rows


def _nodes(panel, rows, lit=(), kinds=("input", "output")):
    for number, row in enumerate(rows):
        for n, (x, y) in enumerate(row):
            kind = kinds[min(number, 1)] if (number, n) in lit or not lit else "plain"
            panel.node(x, y, 9, kind)


def sparse_connectivity():
    """What one output depends on: in a dense layer all, in a convolution k of its inputs."""
    panels = []
    length, kernel = 7, 3
    outputs = ops.output_length(length, kernel)
    for name, width in (("dense", length), ("convolution, k = 3", kernel)):
        panel = Panel(262, 118, f"{name}: {width} of {length} inputs reach the marked output")
        below, above = _layers(panel, (length, outputs), 36, 56, 262)
        lit = outputs // 2
        start = 0 if width == length else lit
        for j, target in enumerate(above):
            first = 0 if width == length else j
            for i in range(first, first + width):
                panel.line([below[i], target], "strong" if j == lit else "faint")
        marked = {(1, lit)} | {(0, start + i) for i in range(width)}
        _nodes(panel, (below, above), marked)
        panel.text(131, 10, f"{name}: {outputs * width} connections")
        panels.append(panel)
    return Drawing(
        "Sparse connectivity: a pixel of the feature map depends on the k inputs below it and on "
        "no other. Fewer connections are fewer products and less to store.",
        panels,
    )


def parameter_sharing():
    """The same three weights everywhere, by colour."""
    panel = Panel(320, 140, "Five outputs of seven inputs; the same three weights lead to each")
    length, kernel = 7, 3
    outputs = ops.output_length(length, kernel)
    below, above = _layers(panel, (length, outputs), 22, 72, 320)
    for j, target in enumerate(above):
        for weight in range(kernel):
            panel.line([below[j + weight], target], WEIGHTS[weight])
    _nodes(panel, (below, above))
    for weight in range(kernel):
        x = 70 + 75 * weight
        panel.line([(x, 128), (x + 24, 128)], WEIGHTS[weight])
        panel.text(x + 38, 128, f"$w_{weight + 1}$")
    return Drawing(
        f"Parameter sharing: one kernel for all patches. Here {kernel} weights, where a dense "
        f"layer of the same size has {length * outputs}.",
        [panel],
    )


def _field(steps, target):
    """The nodes of each layer that a node of the last one sees, from the input on."""
    seen = [[target]]
    for kernel, stride in reversed(steps):
        first, last = seen[0][0] * stride, seen[0][-1] * stride + kernel - 1
        seen.insert(0, list(range(first, last + 1)))
    return seen


def receptive_field():
    """What a node sees, layer by layer, with and without a stride."""
    cases = (
        ("three convolutions, k = 3", [(3, 1), (3, 1), (3, 1)], 9),
        ("the middle one with stride 2", [(3, 1), (3, 2), (3, 1)], 13),
    )
    panels = []
    for name, steps, length in cases:
        counts = [length]
        for kernel, stride in steps:
            counts.append(ops.output_length(counts[-1], kernel, stride=stride))
        target = counts[-1] // 2
        seen = _field(steps, target)
        panel = Panel(300, 190, f"{name}: one node of the last layer sees {len(seen[0])} inputs")
        space = 230 / max(counts)
        rows = []
        for level, count in enumerate(counts):
            start = 118 - space * (count - 1) / 2
            rows.append([(start + space * n, 176 - 48 * level) for n in range(count)])
        for level, (kernel, stride) in enumerate(steps):
            for j, place in enumerate(rows[level + 1]):
                kind = "strong" if j in seen[level + 1] else "faint"
                for i in range(j * stride, j * stride + kernel):
                    panel.line([rows[level][i], place], kind)
        for level, row in enumerate(rows):
            for n, (x, y) in enumerate(row):
                kind = ("output" if level else "input") if n in seen[level] else "plain"
                panel.node(x, y, 6, kind)
            panel.text(246, 176 - 48 * level, f"sees {_sees(steps, level)}", anchor="start")
        panel.text(118, 9, name)
        panels.append(panel)
    return Drawing(
        "The deeper a node lies, the more of the input it sees. Reducing the resolution on the way "
        "makes what it sees grow faster.",
        panels,
    )


def _sees(steps, level):
    return len(_field(steps[:level], 0)[0])


def layer_terminology():
    """A layer of three stages, or three layers."""
    stages = ("convolution", "detector: ReLU", "pooling")
    panels = []
    for name in ("complex: one layer of three stages", "simple: three layers"):
        is_complex = name.startswith("complex")
        panel = Panel(230, 226, f"{name}: {', '.join(stages)}")
        if is_complex:
            panel.box(28, 40, 174, 154, "group", radius=8)
        panel.text(115, 10, name)
        panel.arrow([(115, 222), (115, 182)])
        for number, stage in enumerate(stages):
            y = 152 - 48 * number
            panel.box(48, y, 134, 30, "output" if number else "kernel", stage)
            panel.arrow([(115, y), (115, y - 18 if number < 2 else 22)])
        panels.append(panel)
    return Drawing(
        "Two ways to count. models.conv_block is the complex layer; as layers of Keras, its stages "
        "are three simple ones.",
        panels,
    )


def cnn():
    """A whole network, from the image to the classes."""
    panel = Panel(350, 160, "Stacks of feature maps that get smaller and more, then dense layers")
    side, maps = 28, 1
    steps = (("conv", 5, 8), ("pool", 2, 8), ("conv", 5, 16), ("pool", 2, 16))
    x = 4
    sizes = [(side, maps, "image")]
    for name, kernel, channels in steps:
        stride = kernel if name == "pool" else 1
        side = ops.output_length(side, kernel, stride=stride)
        label = f"{name} {kernel}×{kernel}"
        sizes.append((side, channels, label))
    for number, (side, maps, label) in enumerate(sizes):
        size, sheets = 12 + side, min(maps, 8) if maps > 1 else 1
        y = 86 - (size + 3 * sheets) / 2
        panel.stack(x, y, size, size, sheets, "output" if number else "input", 3)
        middle = x + (size + 3 * sheets) / 2
        row = 14 * (number % 2)
        panel.text(middle, 136 + row, f"{side}×{side}×{maps}", "small")
        panel.text(middle, 24 - row, label, "small")
        panel.line([(middle, 32 - row), (middle, y - 2)], "faint")
        x += size + 3 * sheets + 4
    for count, name, height in ((side * side * maps, "flat", 96), (10, "dense", 48)):
        panel.box(x + 4, 86 - height / 2, 9, height, "output")
        panel.text(x + 8, 150 if count > 10 else 136, count, "small")
        panel.text(x + 8, 10 if count > 10 else 24, name, "small")
        x += 28
    return Drawing(
        "A convolutional network: maps (a ReLU after each convolution) get smaller and more, until "
        "they are short enough to be laid flat and weighed by a dense layer, one score a class.",
        [panel],
    )


DRAWINGS = {
    draw.__name__: draw
    for draw in (
        flattened_image,
        equivariance,
        sparse_connectivity,
        parameter_sharing,
        receptive_field,
        layer_terminology,
        cnn,
    )
}
