"""The notes' a(bc + d) + ac with three places on the board: an LSTM whose gates are set by hand.

a = 2, b = 10, c = 3, d = 5. Each line is one step of `ops.lstm`: what is forgotten (f = 0), where
the candidate is written (i = 1), and which places are read (o = 1) for the next step.
"""

import numpy as np

from keras_dlnotes import ops

a, b, c, d = 2.0, 10.0, 3.0, 5.0


def step(carry, candidate, write, read):
    """One step: the candidate goes to one place, whose old content is forgotten."""
    places = np.arange(1, 4)
    gates = [places == write, places != write, None, np.isin(places, read)]
    logits = [np.where(gate, 50.0, -50.0) for gate in gates if gate is not None]
    bias = np.concatenate([*logits[:2], np.full(3, candidate), logits[2]])
    nothing = np.zeros((1, 1, 1)), np.zeros((1, 12)), np.zeros((3, 12))
    states = np.zeros((1, 3)), carry[None]
    _, hidden, carry = ops.lstm(*nothing, bias, states, activation="linear")
    return np.asarray(hidden)[0], np.asarray(carry)[0]


board = np.zeros(3)
read = np.zeros(3)
STEPS = [
    ("b", lambda seen: b, 1, []),
    ("c", lambda seen: c, 2, [1, 2]),
    ("bc", lambda seen: seen[0] * seen[1], 3, []),
    ("d", lambda seen: d, 1, [1, 3]),
    ("bc + d", lambda seen: seen[0] + seen[2], 2, []),
    ("a", lambda seen: a, 3, [2, 3]),
    ("a(bc + d)", lambda seen: seen[1] * seen[2], 1, []),
    ("c", lambda seen: c, 2, [2, 3]),
    ("ac", lambda seen: seen[1] * seen[2], 3, [1, 3]),
    ("a(bc + d) + ac", lambda seen: seen[0] + seen[2], 2, [2]),
]
for name, candidate, place, places_read in STEPS:
    read, board = step(board, candidate(read), place, places_read)
    print(f"write {name:14} into {place}   board {board.round(3).tolist()}")
print(f"a(bc + d) + ac = {read[1]:.0f}")
