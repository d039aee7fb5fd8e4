"""The parts that the docstrings of the recurrent layers and of their cells share."""

KINDS = {
    "SimpleRNN": {
        "equation": "h_t = φ(x_t W + h_{t−1} U + b)",
        "name": "A simple recurrent network",
        "states": "hidden",
        "count": "one state",
        "reference": '"Recurrent Neural Networks", "Back Propagation through Time"',
    },
    "LSTM": {
        "equation": (
            "i, f, o = σ(x_t W + h_{t−1} U + b),  ĉ = φ(…), each with its own blocks of weights\n"
            "        c_t = f ⊙ c_{t−1} + i ⊙ ĉ,  h_t = φ(c_t) ⊙ o"
        ),
        "name": "A long short-term memory",
        "states": "hidden, carry",
        "count": "two states (three when delayed)",
        "reference": '"The LSTM Unit", "Modifying the LSTM"; Hochreiter & Schmidhuber 1997',
    },
    "GRU": {
        "equation": (
            "z, r = σ(x_t W + h_{t−1} U + b),  ĥ = φ(x_t W + (r ⊙ h_{t−1}) U + b)\n"
            "        h_t = z ⊙ h_{t−1} + (1 − z) ⊙ ĥ"
        ),
        "name": "A gated recurrent unit",
        "states": "hidden",
        "count": "one state",
        "reference": '"The Gated Recurrent Unit (GRU)"; Cho et al. 2014',
    },
}

_GATED = {
    "SimpleRNN": "",
    "LSTM": """
        recurrent_activation: σ of the gates; a name or a function.""",
    "GRU": """
        recurrent_activation: σ of the gates; a name or a function.""",
}

_OWN = {
    "SimpleRNN": "",
    "LSTM": """
        unit_forget_bias: whether the forget gate starts at σ(1): its bias at 1 or, coupled, that of
            the input gate at −1.
        forget_gate: "separate", or "coupled" for f = 1 − i without weights of its own: three blocks
            i c o instead of i f c o; by keyword.
        output_gate: "current", or "delayed" for that of the step before, h_t = φ(c_t) ⊙ o_{t−1},
            where o is σ(b_o) before the first step; states that are 0 in a whole row stand for
            that beginning; by keyword.""",
    "GRU": """
        reset_after: False, the notes' form and the default of layer and cell alike, takes the reset
            before the product with U; True, Keras's default, after it, with a bias of its own.""",
}

_WEIGHTS = """
        units: int ≥ 1, the width of h.
        activation: φ; a name, a function or None for none.{gated}
        use_bias: whether b is added.
        kernel_initializer, recurrent_initializer, bias_initializer, kernel_regularizer,
            recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint,
            bias_constraint: as in Keras.
        dropout: rate in [0, 1] at which x is dropped in training, alike at all steps of a call; 1
            drops all in a simple network and, as in Keras, nothing where there are gates.
        recurrent_dropout: the same for h_{{t−1}}.
        seed: int that makes the noise reproducible, or None.{own}"""

_CELL = """{name}: one step of it, for `keras.layers.RNN`.

        {equation}

    The cell is `keras.layers.{kind}Cell` with the same arguments, weights and config{but}. The
    layer `{kind}` computes the same, faster.

    Args:{weights}

    Input shape:
        (batch, features), of any real type, and {count} of shape (batch, units), called as
        `cell(x, states)`.

    Output shape:
        (batch, units), and the states after the step, in the compute type.

    Raises:
        ValueError: for an argument out of range, at construction; for an input or states that are
            complex, or of another number or shape, when the cell is called.

    Reference:
        Lecture notes, {reference}.

    Example:

    >>> layer = keras.layers.RNN({kind}Cell(8), return_sequences=True)
    >>> layer(keras.ops.ones((2, 5, 3))).shape == (2, 5, 8)
    True
    """

_LAYER = """{name} over a sequence, with hand-derived back-propagation through time.

        {equation}

    The layer is `keras.layers.{kind}` with the same arguments, weights, masks and config{but}. A
    step that the mask skips leaves the states as they are; its output is that of the step before.
    `explain_path()` says which computation runs and why.

    A new shape of input is compiled once on TensorFlow and JAX, which takes about a second. Batches
    of many lengths are no new shape each where TensorFlow's graph leaves the length open, as in
    `fit` on a dataset of such batches: there one program passes over 32 steps at a time. On JAX,
    pad them to a few lengths. On TensorFlow the layer compiles itself, in parts that run side by
    side; so Keras does not compile a model with it once more, and says so under
    `compile(jit_compile=True)`.

    Args:{weights}
        activity_regularizer: as in Keras.
        return_sequences: whether to return h of all steps or of the last.
        return_state: whether to return the last states, too.
        go_backwards: whether to start with the last step; outputs then have that order, too.
        stateful: whether the last states of a batch are the first of the next one; needs a batch
            of known size. `reset_state()` starts anew.
        unroll: accepted and ignored: the loop is compiled anyway.{cudnn}
        zero_output_for_mask: whether the output of a skipped step is 0; by keyword.
        truncate: int ≥ 1: gradients do not cross the borders of blocks of this many steps, while
            the forward pass is unchanged; None for no blocks; by keyword. The notes' τ is no
            length, but the first step that the sum keeps.

    Input shape:
        (batch, time, features), of any real type, and where wanted `mask` (batch, time) and
        `initial_state`, {count} (batch, units).

    Output shape:
        (batch, time, units) or (batch, units), in the compute type; with `return_state` followed by
        {states}.

    Raises:
        ValueError: for an argument out of range, at construction; for an input, a mask or initial
            states that are complex, or of another number or shape, when the layer is called.

    Reference:
        Lecture notes, {reference}; "Truncated BPTT".

    Example:

    >>> layer = {kind}(8, return_sequences=True, truncate=2)
    >>> layer(keras.ops.ones((2, 5, 3))).shape == (2, 5, 8)
    True
    """

_CUDNN = """
        use_cudnn: "auto", where a GPU and the settings allow it; True demands, False forbids it.
            What cuDNN does not know never reaches it, in `Bidirectional` either."""


def _documentation(template: str, kind: str) -> str:
    return template.format(
        kind=kind,
        weights=_WEIGHTS.format(gated=_GATED[kind], own=_OWN[kind]),
        but=", but for the default of `reset_after`" if kind == "GRU" else "",
        cudnn="" if kind == "SimpleRNN" else _CUDNN,
        **KINDS[kind],
    )


def cell_documentation(kind: str) -> str:
    """The docstring of `SimpleRNNCell`, `LSTMCell` or `GRUCell`."""
    return _documentation(_CELL, kind)


def layer_documentation(kind: str) -> str:
    """The docstring of `SimpleRNN`, `LSTM` or `GRU`."""
    return _documentation(_LAYER, kind)
