"""Runs a script with every fit cut to one epoch on a few examples: `python in_short.py SCRIPT`."""

import runpy
import sys

import keras

EXAMPLES = 64
fit = keras.Model.fit


def fit_in_short(model, x, *others, epochs=1, **arguments):
    def few(value):
        return value[:EXAMPLES] if hasattr(value, "shape") else value

    given = keras.tree.map_structure(few, (x, others, arguments))
    return fit(model, given[0], *given[1], epochs=1, **given[2])


if __name__ == "__main__":
    keras.Model.fit = fit_in_short
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
