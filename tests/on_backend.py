"""Runs pytest on a backend: `python tests/on_backend.py [--quick] BACKEND [ARGUMENT OF PYTEST …]`.

The quick form, which the continuous integration runs, is every op and layer with its gradients, the
recurrent layers beside Keras's, a fit that is interrupted, one by the command line's option, one on
two devices, and a model saved on this backend and loaded on the others. A backend that is not
installed is left out, and that is said.

Without arguments of pytest all tests run, in several runs of pytest one after the other: what
TensorFlow and JAX compile stays in memory until the process ends.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

QUICK = (
    "tests/test_gradcheck.py",
    "tests/ops",
    "tests/layers/test_contract.py",
    "tests/layers/test_recurrent.py",
    "tests/layers/test_mixed_precision.py",
    "tests/runs/test_resumable.py",
    "tests/runs/test_strategies.py",
    "tests/cli/test_starting.py::test_the_backend_option_runs_on_that_backend",
    "tests/interop/test_backends.py",
)
# All tests, in parts of about the same growth of memory; the last part is what is left.
PARTS = (("tests/layers",), ("tests/models", "tests/ops", "tests/training"))
# Files are of unequal length: the tests of one may go to several processes.
SIDE_BY_SIDE = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal")


def main(arguments):
    """Returns the first exit status of pytest that is not 0; 0 without the backend."""
    quick = arguments[:1] == ["--quick"]
    backend, *rest = arguments[quick:]
    if find_spec(backend) is None:
        print(f"LEFT OUT: no test ran on {backend}, because it is not installed here.")
        return 0
    if quick:
        runs = [[*QUICK, "-m", "slow or not slow", *rest]]
    elif rest:
        runs = [rest]
    else:
        ignored = [f"--ignore={folder}" for part in PARTS for folder in part]
        runs = [*map(list, PARTS), ignored]
    statuses = [_status(backend, run) for run in runs]
    return next(filter(None, statuses), 0)


def _status(backend, arguments):
    return subprocess.call(
        [sys.executable, "-P", "-m", "pytest", *SIDE_BY_SIDE, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
