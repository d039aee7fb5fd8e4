"""Codes narrower and wider than their input, noise, and the plane of codes."""

import itertools

import numpy as np

from .svg import Drawing, Panel

INPUTS = 5


def _network(panel, width, code, copies=False):
    """Input, code and reconstruction, all wired; below them their names."""
    xs = (30, width / 2, width - 30)
    counts = (INPUTS, code, INPUTS)
    kinds = ("input", "output", "input")
    middle = 28 + 13 * max(counts)
    rows = [
        [(x, middle + 26 * (n - (count - 1) / 2)) for n in range(count)]
        for x, count in zip(xs, counts, strict=True)
    ]
    for left, right in itertools.pairwise(rows):
        panel.wires(left, right, "faint")
    if copies:
        for i in range(INPUTS):
            panel.line([rows[0][i], rows[1][i + 1], rows[2][i]], "strong")
    for number, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        for n, place in enumerate(row):
            is_zero = copies and number == 1 and not 0 < n <= INPUTS
            panel.node(*place, 10, "plain" if is_zero else kind, "0" if is_zero else "")
    for x, name in zip(xs, ("$x$", "$z$", "$x'$"), strict=True):
        panel.text(x, middle + 13 * max(counts) + 14, name)


def representation():
    """What the layers of a network on images answer to."""
    panel = Panel(344, 142, "From pixels over edges and parts to the object")
    stages = ("pixels", "edges", "parts", "objects")
    for number, name in enumerate(stages):
        x = 4 + 88 * number
        panel.box(x, 26, 66, 66, "input" if not number else "output", radius=4)
        panel.text(x + 33, 108, name)
        if number < 3:
            panel.arrow([(x + 68, 59), (x + 87, 59)])
    for i, j in np.ndindex(5, 5):
        shade = (i * 3 + j * 5) % 4
        panel.add("rect", f"shade-{shade}", x=9 + 11.4 * j, y=31 + 11.4 * i, width=11, height=11)
    for number, (dx, dy) in enumerate(((11, 0), (0, 11), (8, 8), (8, -8))):
        x, y = 109 + 32 * (number % 2), 43 + 32 * (number // 2)
        panel.line([(x - dx, y - dy), (x + dx, y + dy)], "strong")
    panel.curve("M190 46 a9 9 0 1 1 18 0", "strong")  # an ear, an eye, a nose, whiskers
    panel.node(227, 44, 7, "plain")
    panel.node(227, 44, 2, "strong")
    panel.curve("M193 70 h12 l-6 7 z", "strong")
    for dy in (-5, 0, 5):
        panel.line([(217, 74), (237, 74 + dy)], "strong")
    panel.curve("M282 66 v-26 l10 9 h18 l10 -9 v26 a19 16 0 0 1 -38 0 z", "strong")
    for x in (293, 309):
        panel.node(x, 61, 2, "strong")
    panel.curve("M297 70 h8 l-4 4 z", "strong")
    panel.text(39, 12, "input")
    panel.text(216, 12, "what layers answer to")
    panel.text(172, 132, "low level  ⟶  high level", "small")
    return Drawing(
        "The first layers answer to edges and texture; deeper ones put these together into parts "
        "and objects. Nobody has written these features: they are learnt.",
        [panel],
    )


def autoencoder():
    """Encoder, code, decoder, loss."""
    panel = Panel(344, 160, "x becomes the code z, and z the reconstruction x'")
    panel.box(4, 50, 36, 60, "input", "$x$")
    panel.arrow([(40, 80), (62, 80)])
    panel.add("polygon", "kernel", points="64,36 134,58 134,102 64,124")
    panel.text(99, 80, "encoder $f$")
    panel.arrow([(134, 80), (154, 80)])
    panel.box(156, 62, 32, 36, "output", "$z$")
    panel.arrow([(188, 80), (208, 80)])
    panel.add("polygon", "kernel", points="210,58 280,36 280,124 210,102")
    panel.text(245, 80, "decoder $g$")
    panel.arrow([(280, 80), (302, 80)])
    panel.box(304, 50, 36, 60, "input", "$x'$")
    panel.line([(22, 112), (22, 144), (126, 144)])
    panel.line([(322, 112), (322, 144), (218, 144)])
    panel.text(172, 144, "$L$ = MSE($x, x'$)")
    panel.text(172, 48, "code")
    return Drawing("z = f(x) and x' = g(z). The loss asks x' to be x.", [panel])


def undercomplete():
    """A code narrower than the input."""
    panel = Panel(260, 188, f"{INPUTS} inputs, a code of 2, {INPUTS} outputs")
    _network(panel, 260, 2)
    panel.text(130, 14, f"code: 2 < {INPUTS}")
    features = ("weight", "height", "colour 1", "colour 2", "pattern repeats")
    animals = Panel(260, 188, "Five features of an animal, blended into a code of two")
    for n, name in enumerate(features):
        y = 41 + 26 * n
        animals.box(4, y - 11, 116, 22, "input", name)
        for target in (66, 120):
            animals.line([(120, y), (196, target)], "strong" if n > 1 and target > 100 else "faint")
    animals.node(206, 66, 12, "output", "$z_1$")
    animals.node(206, 120, 12, "output", "$z_2$")
    animals.text(206, 150, "dog or zebra?")
    animals.text(130, 14, "salient features")
    return Drawing(
        "A code narrower than its input must keep what matters. Weight and height may say the same "
        "twice; white, black and a pattern that repeats, blended, tell a zebra from a dog.",
        [panel, animals],
    )


def overcomplete():
    """A code wider than the input, which may just copy it."""
    panel = Panel(
        260, 242, f"{INPUTS} inputs, a code of 7, {INPUTS} outputs, copied straight through"
    )
    _network(panel, 260, INPUTS + 2, copies=True)
    panel.text(130, 9, f"code: {INPUTS + 2} > {INPUTS}")
    return Drawing(
        "A wider code may copy its input and fill the rest with zeros: the loss is zero, and "
        "nothing is learnt.",
        [panel],
    )


def denoising():
    """Noise at the input, the clean image in the loss."""
    panel = Panel(344, 182, "x plus noise goes in, x' comes out, the loss compares x' with clean x")
    panel.box(4, 36, 44, 56, "input", "$x$")
    panel.arrow([(48, 64), (74, 64)])
    panel.node(86, 64, 11, "gradient", "+")
    panel.text(86, 20, "noise $η$")
    panel.arrow([(86, 28), (86, 52)])
    panel.arrow([(97, 64), (118, 64)])
    panel.box(120, 36, 44, 56, "gradient", "$x + η$")
    panel.arrow([(164, 64), (184, 64)])
    panel.box(186, 40, 92, 48, "kernel", "autoencoder")
    panel.arrow([(278, 64), (298, 64)])
    panel.box(300, 36, 40, 56, "output", "$x'$")
    panel.line([(26, 94), (26, 144), (126, 144)], "strong")
    panel.line([(320, 94), (320, 144), (218, 144)], "strong")
    panel.text(172, 144, "$L$ = MSE($x, x'$)")
    panel.text(172, 168, "the clean x, not the noisy one", "small")
    return Drawing(
        "Copying no longer helps: noise goes in, and the clean input is asked for. So a wide code "
        "has something to learn.",
        [panel],
    )


def latent_space():
    """Codes of images in a plane, and a point between them."""
    generator = np.random.default_rng(3)
    panel = Panel(
        344, 214, "Points of three classes in a plane; one of them and one between, decoded"
    )
    panel.box(4, 24, 200, 180, "plain", radius=2)
    panel.text(104, 12, "latent space")
    for kind, middle in (("input", (60, 70)), ("output", (150, 80)), ("kernel", (96, 160))):
        for x, y in generator.normal(middle, (17, 13), size=(14, 2)):
            panel.node(float(x), float(y), 4, kind)
    panel.node(150, 80, 6, "strong")
    panel.node(106, 112, 6, "gradient")
    panel.arrow([(158, 80), (238, 66)])
    panel.arrow([(114, 113), (238, 158)])
    panel.box(240, 42, 100, 44, "output", "valid data")
    panel.box(240, 136, 100, 44, "gradient", "valid data\nnot guaranteed")
    panel.text(290, 30, "code of an image", "small")
    panel.text(290, 124, "any other point", "small")
    return Drawing(
        "The codes of real images are single points. What the decoder makes of one of them is "
        "valid; between them, nothing has asked it to be.",
        [panel],
    )


DRAWINGS = {
    draw.__name__: draw
    for draw in (
        representation,
        autoencoder,
        undercomplete,
        overcomplete,
        denoising,
        latent_space,
    )
}
