"""Recurrent ops, and back-propagation through time.

`functions` holds the public ops; a `…_step` file the maths of one step, forward and backward;
`through_time` the loop over the steps and the loop back; `recurrence` joins them to one op.
"""

from keras_dlnotes.ops.recurrent.functions import gru, lstm, simple_rnn
from keras_dlnotes.ops.recurrent.gradient_flow import gradient_flow

__all__ = ["gradient_flow", "gru", "lstm", "simple_rnn"]
