"""The recurrent ops in all their forms, each with the literal loop that it must equal."""

import functools
from typing import NamedTuple

import numpy as np
import pytest

from keras_dlnotes import ops
from tests import reference
from tests.gradcheck import compare_gradients

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 2
# right-padded, left-padded, with holes, and nothing at all
MASK = np.array(
    [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]], bool
)


class Form(NamedTuple):
    """One of the recurrent ops with its settings."""

    op: str
    blocks: int
    states: int
    settings: dict
    step: object
    biases: tuple = ()

    def __call__(self, *tensors, **more):
        """x, W, U, b and the initial states → all outputs."""
        x, w, u, b, *states = tensors
        return getattr(ops, self.op)(x, w, u, b, states or None, **self.settings, **more)

    def arrays(self, seed=0):
        generator = np.random.default_rng(seed)
        width = self.blocks * UNITS
        shapes = [(BATCH, TIME, FEATURES), (FEATURES, width), (UNITS, width), (*self.biases, width)]
        shapes += [(BATCH, UNITS)] * self.states
        return [generator.normal(size=shape).astype("float32") for shape in shapes]

    def loop(self, arrays, **settings):
        x, w, u, b, *states = (np.asarray(array, float) for array in arrays)
        sequence, last = reference.recurrence(self.step(w, u, b), x, states, **settings)
        return [sequence, *last]


def lstm(forget_gate, output_gate):
    coupled, delayed = forget_gate == "coupled", output_gate == "delayed"
    step = functools.partial(reference.lstm_step, coupled=coupled, delayed=delayed)
    settings = {"forget_gate": forget_gate, "output_gate": output_gate}
    return Form("lstm", 4 - coupled, 2 + delayed, settings, step)


FORMS = {
    "simple": Form("simple_rnn", 1, 1, {}, reference.simple_rnn_step),
    "lstm": lstm("separate", "current"),
    "lstm coupled": lstm("coupled", "current"),
    "lstm delayed": lstm("separate", "delayed"),
    "lstm coupled delayed": lstm("coupled", "delayed"),
    "gru": Form("gru", 3, 1, {"reset_after": False}, reference.gru_step),
    "gru reset after": Form(
        "gru",
        3,
        1,
        {"reset_after": True},
        functools.partial(reference.gru_step, reset_after=True),
        (2,),
    ),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def noise(form, seed=3):
    """Dropout masks for each gate."""
    generator = np.random.default_rng(seed)
    return {
        "input_masks": 2.0 * generator.integers(0, 2, (BATCH, form.blocks, FEATURES)),
        "recurrent_masks": 2.0 * generator.integers(0, 2, (BATCH, form.blocks, UNITS)),
    }


def compare_with_plain(form, settings, monkeypatch):
    """Compares the gradient with the one that the framework takes of the plain forward pass."""
    from keras_dlnotes.ops.recurrent import functions

    def plain(*tensors):
        with monkeypatch.context() as patch:
            patch.setattr(functions, "is_known", lambda activation: False)
            return form(*tensors, **settings)

    compare_gradients(lambda *t: form(*t, **settings), plain, form.arrays(), tolerance=2e-6)
