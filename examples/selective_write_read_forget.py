"""The notes' a(bc + d) + ac with three places on the board: an LSTM whose gates are set by hand.

a = 2, b = 10, c = 3, d = 5. The board is the carry. Each line is one step of `ops.lstm`: the place
into which the candidate is read (i = 1), whose old content is forgotten (f = 0), and the places
that are written into the hidden state (o = 1), which is all that the next step's candidate knows.
"""

import numpy as np

from keras_dlnotes import ops

a, b, c, d = 2.0, 10.0, 3.0, 5.0
PLACES = np.arange(1, 4)


def step(carry, candidate, place, written):
    """One step: the candidate replaces what stands at one place."""
    i = np.isin(PLACES, place)
    f, o = ~i, np.isin(PLACES, written)
    i, f, o = (np.where(gate, 50.0, -50.0) for gate in (i, f, o))  # σ(±50) is 1 or 0
    bias = np.concatenate([i, f, np.full(3, candidate), o])
    nothing = np.zeros((1, 1, 1)), np.zeros((1, 12)), np.zeros((3, 12))
    states = np.zeros((1, 3)), carry[None]
    _, hidden, carry = ops.lstm(*nothing, bias, states, activation="linear")
    return np.asarray(hidden)[0], np.asarray(carry)[0]


board = np.zeros(3)
hidden = np.zeros(3)
STEPS = [
    ("b", lambda h: b, 1, []),
    ("c", lambda h: c, 2, [1, 2]),
    ("bc", lambda h: h[0] * h[1], 3, []),
    ("d", lambda h: d, 1, [1, 3]),
    ("bc + d", lambda h: h[0] + h[2], 2, []),
    ("a", lambda h: a, 3, [2, 3]),
    ("a(bc + d)", lambda h: h[1] * h[2], 1, []),
    ("c", lambda h: c, 2, [2, 3]),
    ("ac", lambda h: h[1] * h[2], 3, [1, 3]),
    ("a(bc + d) + ac", lambda h: h[0] + h[2], 2, [2]),
]
for name, candidate, place, written in STEPS:
    hidden, board = step(board, candidate(hidden), place, written)
    print(
        f"read {name:14} into {place}   board {board.round(3).tolist()}   write {written or 'none'}"
    )
print(f"a(bc + d) + ac = {hidden[1]:.0f}")
