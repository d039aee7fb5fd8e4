"""Known networks and their connections."""

from keras_dlnotes import ops

from .svg import Drawing, Panel


def residual_block():
    """Two convolutions, and the way around them."""
    plain = Panel(150, 250, "Two layers in a row")
    block = Panel(230, 250, "Two layers, and the input added to what they make")
    for panel, x, name in ((plain, 75, "plain"), (block, 90, "residual")):
        panel.text(x, 10, name)
        panel.arrow([(x, 244), (x, 204)])
        panel.text(x + 14, 236, "$x$")
        panel.box(x - 56, 172, 112, 32, "kernel", "convolution")
        panel.arrow([(x, 172), (x, 142)])
        panel.box(x - 56, 110, 112, 32, "kernel", "convolution")
    plain.arrow([(75, 110), (75, 28)])
    plain.text(102, 40, "$F(x)$")
    block.arrow([(90, 110), (90, 82)])
    block.text(68, 94, "$F(x)$", anchor="end")
    block.node(90, 70, 11, "output", "+")
    block.arrow([(90, 59), (90, 28)])
    block.text(104, 40, "$F(x) + x$", anchor="start")
    block.arrow([(90, 222), (178, 222), (178, 70), (103, 70)], "strong")
    block.text(186, 146, "$x$", anchor="start")
    return Drawing(
        "The block learns F, the difference to its input. The gradient has a way back that no "
        "weight scales: ∂(F(x) + x)/∂x = ∂F/∂x + 1.",
        [plain, block],
    )


def dense_block():
    """The notes' figure: each layer takes all maps before it."""
    layers, growth, first = 5, 4, 16
    panel = Panel(
        350, 206, f"{layers} layers of growth rate {growth}; arcs from each to all later ones"
    )
    places = [20 + 62 * n for n in range(layers + 1)]
    for i, source in enumerate(places):
        for target in places[i + 2 :]:
            height = 20 + 13 * (target - source) / 62
            middle = (source + target) / 2
            kind = ("input-line", "weight-1", "weight-2", "weight-3")[i]
            top = 100 - 2 * height
            panel.curve(f"M{source} 78 Q{middle:g} {top:g} {target} 78", kind)
        if i < layers:
            panel.arrow([(source + 15, 104), (places[i + 1] - 16, 104)])
    for n, x in enumerate(places):
        maps = growth if n else first
        panel.box(x - 14, 78, 28, 52, "output" if n else "input", radius=2)
        panel.text(x, 104, maps)
        panel.text(x, 146, f"$x_{n}$")
        panel.text(x, 168, f"{first + growth * n}", "small")
    panel.text(175, 190, "maps altogether, which the next layer takes", "small")
    return Drawing(
        f"A dense block: each layer makes k = {growth} maps out of all maps before it, so that the "
        f"number of maps grows by k, the growth rate: {first} + {growth} · {layers} = "
        f"{first + growth * layers}.",
        [panel],
    )


def unet():
    """Down, up, and across."""
    panel = Panel(350, 262, "A path down, a path up, and copies across at each resolution")
    sides, maps = [64], [16]
    for _ in range(3):
        sides.append(ops.output_length(sides[-1], 2, stride=2))
        maps.append(2 * maps[-1])
    rows = [44 + 62 * n for n in range(4)]
    for level, y in enumerate(rows):
        size = 44 - 8 * level
        left, right = 30 + 32 * level, 320 - 32 * level
        if level < 3:
            panel.box(left - 10, y - size / 2, 20, size, "input")
            panel.box(right - 10, y - size / 2, 20, size, "output")
            panel.arrow([(left + 10, y), (right - 12, y)], "strong")
            panel.text(175, y - 10, f"{sides[level]}×{sides[level]}×{maps[level]}", "small")
            below = rows[level + 1]
            ends = (165, 185) if level == 2 else (left + 34, right - 34)
            panel.arrow([(left, y + size / 2), (left, below), (ends[0] - 12, below)])
            panel.arrow([(ends[1] + 12, below), (right, below), (right, y + size / 2 + 1)])
        else:
            panel.box(153, y - 10, 44, 20, "plain")
            panel.text(175, y + 22, f"{sides[level]}×{sides[level]}×{maps[level]}", "small")
    panel.text(30, 10, "image")
    panel.text(320, 10, "mask")
    panel.text(175, 10, "copied and joined")
    return Drawing(
        "U-Net: pooling on the way down says what there is, upsampling on the way up says where. "
        "The copies across bring back the detail that the pooling has lost.",
        [panel],
    )


def vgg16():
    """Thirteen convolutions in five groups, and three dense layers."""
    panel = Panel(
        350, 178, "Five groups of 3×3 convolutions, each ended by a pooling, then dense layers"
    )
    groups = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    side, x = 224, 8
    for count, maps in groups:
        height = 24 + 80 * side / 224
        for _ in range(count):
            panel.box(x, 82 - height / 2, 12, height, "kernel", radius=1)
            x += 14
        middle = x - 7 * count - 1
        panel.text(middle, 148, side, "small")
        panel.text(middle, 166, maps, "small")
        side = ops.output_length(side, 2, stride=2)
        panel.box(x, 82 - height / 2 + 6, 5, height - 12, "gradient", radius=1)
        x += 14
    panel.text(x - 8, 148, side, "small")
    for count in (4096, 4096, 1000):
        height = 30 + 50 * count / 4096
        panel.box(x + 2, 82 - height / 2, 9, height, "output", radius=1)
        x += 16
    panel.text(96, 12, "convolution 3×3")
    panel.box(26, 6, 12, 12, "kernel")
    panel.text(208, 12, "pooling")
    panel.box(170, 6, 6, 12, "gradient")
    panel.text(300, 12, "dense")
    panel.box(266, 6, 9, 12, "output")
    return Drawing(
        f"VGG-16: {sum(count for count, _ in groups)} convolutions and 3 dense layers have "
        "weights. Below each group, the side of its maps in pixels and their number.",
        [panel],
    )


DRAWINGS = {draw.__name__: draw for draw in (residual_block, dense_block, unet, vgg16)}
