"""Networks along time."""

import itertools

from .svg import Drawing, Panel

# The lecture notes' data: six sequences of six steps.
DATA = (
    (33, 21, 27, 26, 30, 28),
    (11, 15, 17, 13, 9, 12),
    (42, 41, 44, 38, 35, 37),
    (27, 27, 26, 32, 29, 27),
    (17, 16, 17, 15, 11, 12),
    (27, 28, 26, 27, 30, 23),
)


def two_representations():
    """Every node, or a layer as one."""
    nodes = Panel(220, 220, "Three input nodes, four hidden ones and two outputs, each wire drawn")
    rows = [
        [(110 + 42 * (n - (count - 1) / 2), y) for n in range(count)]
        for count, y in ((3, 176), (4, 108), (2, 40))
    ]
    for low, high in itertools.pairwise(rows):
        nodes.wires(low, high, "faint")
    for row, kind in zip(rows, ("input", "plain", "output"), strict=True):
        for place in row:
            nodes.node(*place, 11, kind)
    nodes.text(110, 12, "each node")
    layers = Panel(220, 220, "The same network with a circle for each layer")
    for (y, kind, name), size in zip(
        ((176, "input", "$x$"), (108, "plain", "$h$"), (40, "output", "$ŷ$")),
        (3, 4, 2),
        strict=True,
    ):
        layers.node(110, y, 17, kind, name)
        layers.text(140, y, f"{size} values", anchor="start")
    layers.arrow([(110, 159), (110, 126)])
    layers.arrow([(110, 91), (110, 58)])
    layers.text(96, 142, "$W_{xh}$", anchor="end")
    layers.text(96, 74, "$W_{hy}$", anchor="end")
    layers.text(110, 12, "each layer")
    return Drawing(
        "Two drawings of one network. In what follows, a circle is a whole layer and an arrow a "
        "whole matrix of weights.",
        [nodes, layers],
    )


def _step(panel, x, name, is_output=True, top=40):
    """One step of an unrolled network."""
    panel.node(x, top + 136, 17, "input", f"$x_{name}$")
    panel.arrow([(x, top + 119), (x, top + 86)])
    panel.node(x, top + 68, 17, "plain", f"$h_{name}$")
    if is_output:
        panel.arrow([(x, top + 51), (x, top + 18)])
        panel.node(x, top, 17, "output", f"$ŷ_{name}$")


def unrolled_network():
    """A circle in time, and its steps side by side."""
    folded = Panel(120, 204, "A network whose hidden layer feeds itself")
    _step(folded, 50, "t", top=36)
    folded.curve("M67 98 C104 86 104 122 73 112", "line")
    folded.add("polygon", "line head", points="66,107 74,108.6 71,115")
    folded.text(88, 130, "$W_{hh}$")
    folded.text(40, 138, "$W_{xh}$", anchor="end")
    folded.text(40, 70, "$W_{hy}$", anchor="end")
    unrolled = Panel(344, 204, "The same network at steps 1, 2, 3 and t, hidden states in a chain")
    places = (60, 140, 220, 310)
    unrolled.text(14, 104, "$h_0$")
    unrolled.arrow([(24, 104), (42, 104)])
    for x, name, after in zip(places, "123t", (*places[1:], None), strict=True):
        _step(unrolled, x, name, top=36)
        if after:
            unrolled.arrow([(x + 17, 104), (after - 18, 104)], "weight-1")
            unrolled.text((x + after) / 2, 90, "$W_{hh}$" if name != "3" else "…")
        unrolled.text(x + 8, 138, "$W_{xh}$", anchor="start")
        unrolled.text(x + 8, 70, "$W_{hy}$", anchor="start")
    return Drawing(
        "First the network with its cycle, then the same network unrolled: a deep network with the "
        "same weights at every step.",
        [folded, unrolled],
    )


def kinds_of_networks():
    """One and many, in and out."""
    kinds = (
        ("one to one", 1, (0,), (0,), "an image, its class"),
        ("one to many", 3, (0,), (0, 1, 2), "an image, its caption"),
        ("many to one", 3, (0, 1, 2), (2,), "a review, its mood"),
        ("many to many, aligned", 3, (0, 1, 2), (0, 1, 2), "words, parts of speech"),
        ("many to many, unaligned", 5, (0, 1, 2), (2, 3, 4), "a sentence, translated"),
    )
    panels = []
    for name, steps, inputs, outputs, example in kinds:
        panel = Panel(162, 174, f"{name}: {len(inputs)} inputs, {len(outputs)} outputs")
        panel.text(81, 10, name)
        panel.text(81, 164, example, "small")
        space = 30 if steps > 3 else 46
        for step in range(steps):
            x = 81 + space * (step - (steps - 1) / 2)
            panel.box(x - 10, 76, 20, 22, "plain")
            if step in inputs:
                panel.box(x - 10, 124, 20, 22, "input")
                panel.arrow([(x, 124), (x, 99)])
            if step in outputs:
                panel.box(x - 10, 28, 20, 22, "output")
                panel.arrow([(x, 76), (x, 51)])
            if step:
                panel.arrow([(x - space + 10, 87), (x - 11, 87)])
        panels.append(panel)
    return Drawing("Inputs below, hidden states in the middle, outputs above.", panels)


def minibatch():
    """Four sequences at one step."""
    rows, column = 4, 2
    panel = Panel(300, 192, "Six sequences of six steps; four values of step 3 are marked")
    panel.grid(46, 28, DATA, 40, "plain", {(i, column): "output" for i in range(rows)}, height=26)
    for j in range(6):
        panel.text(66 + 40 * j, 14, f"$t$ = {j + 1}", "small")
    for i in range(6):
        panel.text(26, 41 + 26 * i, f"S{i + 1}", "small")
    values = ", ".join(str(DATA[i][column]) for i in range(rows))
    return Drawing(
        f"A mini-batch at a step is a column: of {rows} sequences at t = {column + 1} it is X₃ = "
        f"({values}). One product with the weights serves them all.",
        [panel],
    )


def loss_through_time():
    """Losses of the steps, and the way back."""
    panel = Panel(
        344, 264, "Three steps with a loss each; gradients go back along the hidden states"
    )
    for number, x in enumerate((60, 170, 280), start=1):
        _step(panel, x, str(number), top=94)
        panel.arrow([(x, 77), (x, 56)])
        panel.box(x - 17, 32, 34, 24, "kernel", f"$L_{number}$")
        panel.line([(x, 32), (170, 18)], "faint")
        panel.arrow([(x + 9, 110), (x + 9, 146)], "gradient-line")
        if number > 1:
            panel.arrow([(x - 93, 156), (x - 18, 156)])
            panel.arrow([(x - 16, 170), (x - 92, 170)], "gradient-line")
            panel.text(x - 55, 188, f"$∂h_{number}/∂h_{number - 1}$", "small")
    panel.text(170, 9, "$L$ = ⅓($L_1 + L_2 + L_3$)")
    return Drawing(
        "Forward in grey, back in colour. The recurrent weights are used at every step, so their "
        "gradient is a sum over steps; L₃ reaches step 1 through the product of all factors "
        "between.",
        [panel],
    )


def two_directions():
    """One chain each way."""
    panel = Panel(344, 226, "A chain of states forward, a chain backward, outputs of both")
    letters = ("f", "o", "o", "?", "b")
    for number, letter in enumerate(letters):
        x = 36 + 68 * number
        unclear = letter == "?"
        panel.box(x - 22, 196, 44, 26, "gradient" if unclear else "input", letter)
        panel.box(x - 22, 132, 27, 26, "kernel")
        panel.box(x - 5, 78, 27, 26, "gate")
        panel.box(x - 22, 14, 44, 26, "output", "t" if unclear else letter)
        panel.arrow([(x - 9, 196), (x - 9, 159)])
        panel.arrow([(x + 13, 196), (x + 13, 105)])
        panel.arrow([(x - 13, 132), (x - 13, 41)])
        panel.arrow([(x + 9, 78), (x + 9, 41)])
        if number:
            panel.arrow([(x - 63, 145), (x - 23, 145)], "weight-1")
            panel.arrow([(x - 5, 91), (x - 45, 91)], "weight-3")
    return Drawing(
        "One network reads forward, one backward, and each output sees both states: what follows, "
        "ball, says that the unclear letter is a t. Where the future isn't there yet, as in "
        "generation, this can't be used.",
        [panel],
    )


DRAWINGS = {
    draw.__name__: draw
    for draw in (
        two_representations,
        unrolled_network,
        kinds_of_networks,
        minibatch,
        loss_through_time,
        two_directions,
    )
}
