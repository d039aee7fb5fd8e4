"""Runs pytest on a backend: `python tests/on_backend.py [--quick] BACKEND [ARGUMENT OF PYTEST …]`.

The quick form, which the continuous integration runs, is every op and layer with its gradients, the
recurrent layers beside Keras's, a fit that is interrupted, one by the command line's option, one on
two devices, and a model saved on this backend and loaded on the others. A backend that is not
installed is left out, and that is said.
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
# Files are of unequal length: the tests of one may go to several processes.
SIDE_BY_SIDE = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal")


def main(arguments):
    """Returns the exit status of pytest, or 0 where the backend is not installed."""
    quick = arguments[:1] == ["--quick"]
    backend, *rest = arguments[quick:]
    if find_spec(backend) is None:
        print(f"LEFT OUT: no test ran on {backend}, because it is not installed here.")
        return 0
    if quick:
        rest = [*QUICK, "-m", "slow or not slow", *rest]
    return subprocess.call(
        [sys.executable, "-P", "-m", "pytest", *SIDE_BY_SIDE, *rest],
        env={**os.environ, "KERAS_BACKEND": backend},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
