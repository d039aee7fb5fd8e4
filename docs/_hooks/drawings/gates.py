"""Selective write, read and forget, and the units made of them."""

import numpy as np

from .svg import Drawing, Panel


def selective_write():
    """The notes' vectors: a state times its gate."""
    state, gate = np.array([0.3, 0.7, 0.6]), np.array([0.7, 0.8, 0.5])
    panel = Panel(250, 136, "A state times a write gate, value by value")
    columns = (
        (state, "input", "$c_{t-1}$"),
        (gate, "gate", "$o_{t-1}$"),
        (state * gate, "output", "$h_{t-1}$"),
    )
    for number, (values, kind, name) in enumerate(columns):
        x = 14 + 86 * number
        panel.grid(x, 6, [[f"{value:.2g}"] for value in values], 52, kind, height=32)
        panel.text(x + 26, 120, name)
        if number:
            panel.text(x - 17, 54, "⊙" if number == 1 else "=")
    return Drawing(
        "Selective write: the write gate o lets a fraction of each value of the state out. Each "
        "gate is a number between 0 and 1 for each value.",
        [panel],
    )


def _gate(panel, x, y, name, word, below=True):
    """A multiplication by a gate, whose name stands beside it."""
    panel.node(x, y, 10, "gate", "⊙")
    sign = 1 if below else -1
    panel.arrow([(x, y + 34 * sign), (x, y + 11 * sign)], "gate-line")
    panel.box(x - 30, y + (34 if below else -66), 60, 32, "gate", f"{word}\n${name}$")


def selective_steps():
    """The notes' segment, step by step: read from ĉ, forget of c, write to h."""
    panel = Panel(344, 190, "From the last state over reading and forgetting to the new state")
    panel.box(4, 42, 44, 34, "input", "$c_{t-1}$")
    panel.arrow([(48, 59), (88, 59)])
    _gate(panel, 99, 59, "f_t", "forget")
    panel.arrow([(109, 59), (154, 59)])
    panel.node(165, 59, 10, "plain", "+")
    panel.arrow([(175, 59), (196, 59)])
    panel.box(198, 42, 36, 34, "output", "$c_t$")
    panel.arrow([(234, 59), (264, 59)])
    _gate(panel, 275, 59, "o_t", "write")
    panel.arrow([(285, 59), (304, 59)])
    panel.box(306, 42, 34, 34, "output", "$h_t$")
    panel.box(148, 152, 34, 32, "kernel", "$ĉ_t$")
    panel.arrow([(165, 152), (165, 131)])
    panel.node(165, 120, 10, "gate", "⊙")
    panel.arrow([(165, 110), (165, 70)])
    panel.box(196, 104, 40, 34, "gate", "read\n$i_t$")
    panel.arrow([(196, 120), (176, 120)], "gate-line")
    panel.text(172, 12, "$c_t = c_{t-1} ⊙ f_t + ĉ_t ⊙ i_t$")
    return Drawing(
        "Forget a part of the old state, read a part of the candidate ĉ, write a part of the new "
        "state to the output.",
        [panel],
    )


def _unit(panel, title):
    panel.box(34, 26, 284, 220, "group", radius=10)
    panel.text(176, 14, title)


def lstm():
    """One step of the LSTM, with each gate by its name and its weights."""
    panel = Panel(
        350, 290, "An LSTM unit with forget gate f, read gate i, candidate and write gate o"
    )
    _unit(panel, "LSTM")
    top, bus = 56, 218
    panel.arrow([(4, top), (84, top)], "state-line")
    panel.text(16, top - 13, "$c_{t-1}$")
    panel.node(95, top, 10, "gate", "⊙")
    panel.arrow([(105, top), (169, top)], "state-line")
    panel.node(180, top, 10, "plain", "+")
    panel.arrow([(190, top), (346, top)], "state-line")
    panel.text(336, top - 13, "$c_t$")
    panel.line([(4, bus), (268, bus)])
    panel.text(16, bus - 13, "$h_{t-1}$")
    panel.line([(60, 282), (60, bus)])
    panel.text(72, 272, "$x_t$")
    gates = ((95, "forget\n$f_t$"), (150, "read\n$i_t$"), (268, "write\n$o_t$"))
    for x, label in gates:
        panel.arrow([(x, bus), (x, 193)])
        panel.box(x - 25, 156, 50, 36, "gate", label)
    panel.arrow([(210, bus), (210, 193)])
    panel.box(190, 156, 40, 36, "kernel", "$ĉ_t$")
    panel.arrow([(95, 156), (95, 67)], "gate-line")
    panel.arrow([(150, 156), (150, 112), (169, 112)], "gate-line")
    panel.line([(210, 156), (210, 112)])
    panel.arrow([(210, 112), (191, 112)])
    panel.node(180, 112, 10, "gate", "⊙")
    panel.arrow([(180, 102), (180, 67)])
    panel.arrow([(268, 156), (268, 133)], "gate-line")
    panel.node(268, 122, 10, "gate", "⊙")
    panel.line([(268, top), (268, 78)])
    panel.box(248, 78, 40, 22, "plain", "$σ_c$")
    panel.arrow([(268, 100), (268, 111)])
    panel.arrow([(278, 122), (300, 122), (300, bus), (346, bus)])
    panel.text(336, bus - 13, "$h_t$")
    return Drawing(
        "f forgets of the old state, i reads from the candidate ĉ, o writes the new state out. "
        "Each gate is σ(h W + x W + b), between 0 and 1. Along the upper line the state is only "
        "scaled and added to, so that gradients survive there.",
        [panel],
    )


def coupled_lstm():
    """One gate for reading and forgetting."""
    panel = Panel(344, 164, "The forget gate as one minus the read gate")
    panel.box(4, 22, 48, 34, "input", "$c_{t-1}$")
    panel.arrow([(52, 39), (132, 39)], "state-line")
    panel.node(143, 39, 10, "gate", "⊙")
    panel.arrow([(153, 39), (221, 39)], "state-line")
    panel.node(232, 39, 10, "plain", "+")
    panel.arrow([(242, 39), (292, 39)], "state-line")
    panel.box(294, 22, 44, 34, "output", "$c_t$")
    panel.box(4, 123, 40, 34, "kernel", "$ĉ_t$")
    panel.arrow([(44, 140), (232, 140), (232, 123)])
    panel.node(232, 112, 10, "gate", "⊙")
    panel.arrow([(232, 102), (232, 50)])
    panel.box(58, 94, 52, 36, "gate", "read\n$i_t$")
    panel.arrow([(110, 112), (221, 112)], "gate-line")
    panel.line([(143, 112), (143, 94)], "gate-line")
    panel.box(119, 70, 48, 24, "gate", "1 − $i_t$")
    panel.arrow([(143, 70), (143, 50)], "gate-line")
    return Drawing(
        "Without weights of its own, the forget gate is 1 − i: what isn't read anew is kept.",
        [panel],
    )


def gru():
    """One step of the GRU in the notes' letters."""
    panel = Panel(
        350, 276, "A GRU with write gate o before the candidate, and read gate i and 1 − i"
    )
    _unit(panel, "GRU")
    top, bus = 56, 206
    panel.arrow([(4, top), (179, top)], "state-line")
    panel.text(16, top - 13, "$h_{t-1}$")
    panel.node(190, top, 10, "gate", "⊙")
    panel.arrow([(200, top), (279, top)], "state-line")
    panel.node(290, top, 10, "plain", "+")
    panel.arrow([(300, top), (346, top)], "state-line")
    panel.text(336, top - 13, "$h_t$")
    panel.line([(48, top), (48, bus), (190, bus)])
    panel.line([(60, 268), (60, bus)])
    panel.text(72, 258, "$x_t$")
    for x, label in ((96, "write\n$o_t$"), (190, "read\n$i_t$")):
        panel.arrow([(x, bus), (x, 181)])
        panel.box(x - 25, 144, 50, 36, "gate", label)
    panel.arrow([(190, 144), (190, 112), (279, 112)], "gate-line")
    panel.arrow([(190, 112), (190, 100)], "gate-line")
    panel.box(166, 76, 48, 24, "gate", "1 − $i_t$")
    panel.arrow([(190, 76), (190, 67)], "gate-line")
    panel.node(290, 112, 10, "gate", "⊙")
    panel.arrow([(290, 102), (290, 67)])
    panel.box(268, 144, 44, 36, "kernel", "$ĥ_t$")
    panel.arrow([(290, 144), (290, 123)])
    panel.arrow([(96, 144), (96, 121)], "gate-line")
    panel.node(96, 110, 10, "gate", "⊙")
    panel.arrow([(96, top), (96, 99)])
    panel.line([(106, 110), (134, 110), (134, 228), (290, 228)])
    panel.arrow([(290, 228), (290, 181)])
    panel.line([(60, 238), (302, 238), (302, 212)])
    panel.arrow([(302, 212), (302, 181)])
    return Drawing(
        "o writes a part of the last state into the candidate ĥ; i says how much of ĥ is read, and "
        "1 − i how much of the last state stays. The state is the output: there is no c.",
        [panel],
    )


DRAWINGS = {
    draw.__name__: draw for draw in (selective_write, selective_steps, lstm, coupled_lstm, gru)
}
