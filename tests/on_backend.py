"""Runs pytest on a backend: `python tests/on_backend.py [--quick] BACKEND [ARGUMENT OF PYTEST …]`.

The quick form, which the continuous integration runs, is every op and layer with its gradients, the
recurrent layers beside Keras's, a fit that is interrupted, one by the command line's option, one on
two devices, and a model saved on this backend and loaded on the others. A backend that is not
installed is left out, and that is said.

Where the arguments name no file, tests of all files run, in several runs of pytest one after the
other: what TensorFlow and JAX compile stays in memory until the process ends.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

QUICK = (
    "tests/test_gradcheck.py",
    "tests/ops",
    "tests/layers/test_contract.py",
    "tests/layers/test_recurrent.py",
    "tests/layers/test_mixed_precision.py",
    "tests/runs/test_resumable.py",
    "tests/runs/test_resumable_states.py",
    "tests/runs/test_strategies.py",
    "tests/cli/test_starting.py::test_the_backend_option_runs_on_that_backend",
    "tests/interop/test_backends.py",
)
PAGES = ("docs", "README.md")
LAYERS, MATHS = "tests/layers", ("tests/models", "tests/ops", "tests/training")
REST = ("tests", "keras_dlnotes", *(f"--ignore={folder}" for folder in (LAYERS, *MATHS)))
# All tests, in parts of about the same growth of memory; the last is what is left of them.
PARTS = ((LAYERS, *PAGES), MATHS, REST)
NOTHING_RAN = 5  # pytest's exit status
MOST_PROCESSES = 4


def main(arguments):
    """Returns the first exit status of pytest that is not 0; 0 without the backend."""
    quick = arguments[:1] == ["--quick"]
    backend, *rest = arguments[quick:]
    if find_spec(backend) is None:
        print(f"LEFT OUT: no test ran on {backend}, because it is not installed here.")
        return 0
    runs = [tuple(rest)] if _paths(rest) else [(*part, *rest) for part in PARTS]
    if quick:
        runs = [(*QUICK, "-m", "slow or not slow", *rest)]
    statuses = [_status(backend, run) for run in runs]
    if set(statuses) == {NOTHING_RAN}:
        return NOTHING_RAN
    return next((status for status in statuses if status not in (0, NOTHING_RAN)), 0)


def _paths(arguments):
    return [word for word in arguments if Path(word.partition("::")[0]).exists()]


def _processes(arguments):
    """As many as there are cores; one more where tests wait for searches and commands to end."""
    waits = arguments[: len(REST)] == REST or _has_pages(arguments)
    return min((os.cpu_count() or 1) + waits, MOST_PROCESSES)


def _distribution(arguments):
    """How tests are divided among processes: one by one, since files are of unequal length.

    But the examples of a page follow from each other, and stay together.
    """
    return "loadfile" if _has_pages(arguments) else "worksteal"


def _has_pages(arguments):
    return any(word.startswith(PAGES) for word in _paths(arguments))


def _status(backend, arguments):
    return subprocess.call(
        [
            *(sys.executable, "-P", "-m", "pytest", "--numprocesses", str(_processes(arguments))),
            *("--dist", _distribution(arguments), *arguments),
        ],
        env={**os.environ, "KERAS_BACKEND": backend},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
