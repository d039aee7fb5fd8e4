"""Recurrent ops, and the way back through time.

`functions` holds the public ops; a `…_step` file the maths of one step, forward and backward;
`through_time` the loop over the steps and the loop back.
"""

from keras_dlnotes.ops.recurrent.functions import gru, lstm, simple_rnn

__all__ = ["gru", "lstm", "simple_rnn"]
