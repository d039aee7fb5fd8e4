"""Runs scripts with every fit cut to one epoch on a few examples.

Reads from its input a line a script, `[path, folder to run it in]` as JSON, and answers each with
a line, its exit code; what the script prints goes to `output.txt` in the folder. The scripts are
forks of this process, which has imported the frameworks and started none: that takes seconds.
"""

import json
import os
import runpy
import sys
import traceback

import keras
import sklearn.decomposition  # noqa: F401

import keras_dlnotes.data
import keras_dlnotes.reports
import keras_dlnotes.training  # noqa: F401

EXAMPLES = 64
fit = keras.Model.fit


def fit_in_short(model, x, *others, epochs=1, **arguments):
    def few(value):
        return value[:EXAMPLES] if hasattr(value, "shape") else value

    given = keras.tree.map_structure(few, (x, others, arguments))
    return fit(model, given[0], *given[1], epochs=1, **given[2])


def run(path, folder):
    """Runs a script in this process, and ends it."""
    os.chdir(folder)
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(output, stream)
    keras.Model.fit = fit_in_short
    sys.argv = [path]
    code = 0
    try:
        runpy.run_path(path, run_name="__main__")
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
