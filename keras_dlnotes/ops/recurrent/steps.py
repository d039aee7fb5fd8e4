"""The steps by their settings, checked."""

from collections.abc import Callable

from keras_dlnotes.common.checks import choice
from keras_dlnotes.ops.recurrent.activations import resolve_activation
from keras_dlnotes.ops.recurrent.gru_step import ResetAfterGRUStep, ResetBeforeGRUStep
from keras_dlnotes.ops.recurrent.lstm_step import LSTMStep
from keras_dlnotes.ops.recurrent.simple_step import SimpleStep

FORGET_GATES = ("separate", "coupled")
OUTPUT_GATES = ("current", "delayed")


def simple_step(activation="tanh") -> SimpleStep:
    """The simple recurrent network's step."""
    return SimpleStep(resolve_activation(activation))


def lstm_step(
    activation="tanh",
    recurrent_activation="sigmoid",
    forget_gate="separate",
    output_gate="current",
) -> LSTMStep:
    """The LSTM's step."""
    return LSTMStep(
        resolve_activation(activation),
        resolve_activation(recurrent_activation, "recurrent_activation"),
        choice("forget_gate", forget_gate, FORGET_GATES),
        choice("output_gate", output_gate, OUTPUT_GATES),
    )


def gru_step(activation="tanh", recurrent_activation="sigmoid", reset_after=False):
    """The GRU's step, in one of its two forms."""
    kind = ResetAfterGRUStep if reset_after else ResetBeforeGRUStep
    gates = resolve_activation(recurrent_activation, "recurrent_activation")
    return kind(resolve_activation(activation), gates)


STEPS: dict[str, Callable] = {"simple": simple_step, "lstm": lstm_step, "gru": gru_step}
