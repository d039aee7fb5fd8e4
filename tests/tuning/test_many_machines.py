"""A chief in one process and workers that another one keeps, as on two machines."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import keras_dlnotes
from keras_dlnotes import tuning
from keras_dlnotes.tuning import chief
from keras_dlnotes.tuning.folder import free_names, host_name
from keras_dlnotes.tuning.messages import AuthenticationError
from keras_dlnotes.tuning.secret import SECRET, ensure_secret
from keras_dlnotes.tuning.service import Endpoint, ask
from keras_dlnotes.tuning.working import wait_for_settings
from tests.tuning.addresses import free_port
from tests.tuning.conftest import build
from tests.tuning.test_oracles import oracle_in

CHIEF = """
import sys
import numpy as np
from keras_dlnotes import tuning
from tests.tuning.addresses import free_port
from tests.tuning.conftest import build, linear_table

address, directory = sys.argv[1:]
training, validation = linear_table()
results = tuning.search(
    build, "random", 3, epochs=2, training=training, validation=validation,
    directory=directory, chief=address, workers=0,
)
print(len(results.to_frame()))
"""


def assert_refuses_strangers(address, search, folder):
    ensure_secret(folder / "another")
    for _ in range(4):  # more than the search has trials
        with pytest.raises(AuthenticationError):
            ask(Endpoint(address, str(folder / "another")), call="create_trial", worker="host-0")
    assert stat.S_IMODE((search / SECRET).stat().st_mode) == 0o600


@pytest.mark.slow
def test_workers_of_another_process_train_the_chief_s_trials(table, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    root = str(Path(keras_dlnotes.__file__).parents[1])
    paths = [root, os.environ.get("PYTHONPATH", "")]
    first = subprocess.Popen(
        [sys.executable, "-c", CHIEF, address, tmp_path / "search"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    )
    training, validation = table
    search, host = tmp_path / "search", host_name()
    try:
        wait_for_settings(search)
        assert_refuses_strangers(address, search, tmp_path)
        with free_names(search, host, 1):  # another command on this machine
            tuning.work(build, address, search, training=training, validation=validation, workers=2)
        ended = time.monotonic()
        output, _ = first.communicate(timeout=60)
    finally:
        first.kill()
    assert first.returncode == 0 and output.split()[-1] == "6"
    assert time.monotonic() - ended < 20
    assert len(tuning.Results(search).to_frame()) == 6
    logs = {path.name for path in search.glob("*.log")}
    assert logs == {"chief.log", f"{host}-1.log", f"{host}-2.log"}


@pytest.mark.thorough
def test_a_worker_of_something_else_is_told(table, tmp_path, search_table):
    search_table(tmp_path / "search", max_trials=1, epochs=1)
    training, validation = table

    def another(hp):
        return build(hp)

    with pytest.raises(ValueError, match="`task_or_hypermodel` must be 'build', as in the search"):
        tuning.work(
            another, "127.0.0.1:1", tmp_path / "search", training=training, validation=validation
        )


def test_a_worker_without_heartbeats_loses_its_trial(tmp_path, monkeypatch):
    monkeypatch.setattr(chief, "HEARTBEAT_SECONDS", 0.0)
    oracle = oracle_in(tmp_path, "random")
    lost, alive = (oracle.create_trial(name) for name in ("host-0", "host-1"))
    beats = tmp_path / f"search/trial_{alive.trial_id}" / chief.HEARTBEAT
    workers = chief.LostWorkers(oracle, 0.5)
    deadline = time.monotonic() + 10
    while "host-0" in oracle.ongoing_trials and time.monotonic() < deadline:
        beats.touch()
        workers.release()
        time.sleep(0.02)
    assert list(oracle.ongoing_trials) == ["host-1"]
    assert oracle.create_trial("host-2").trial_id == lost.trial_id
