import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """A folder of prepared data sets that the tests share; each is prepared on first use."""
    return tmp_path_factory.mktemp("tensorflow_datasets")


@pytest.fixture
def start_python():
    """Starts a program of its own, which is killed where the test ends before it."""
    started = []

    def start(program, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
