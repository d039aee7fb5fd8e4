"""Trials that fail: each is told with its own exception, and the search goes on or stops."""

import os
import signal
import subprocess
import sys
import time

import keras
import keras_tuner
import pytest

from keras_dlnotes import tuning
from keras_dlnotes.tuning.launcher import Launcher, LauncherError
from keras_dlnotes.tuning.supervisor import worker_resources
from tests.backends import only_on

# tells of a fork with the launcher's imports, and of one after the framework has started
FORKS = """
import os, warnings
import keras
from keras_dlnotes.tuning import entrypoints

def is_warned_of():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if not os.fork():
            os._exit(0)
        os.wait()
    return any("JAX" in str(warning.message) for warning in told)

print(is_warned_of())
keras.ops.zeros(())
print(is_warned_of())
"""


class Ends(keras_tuner.HyperModel):
    """A model whose training ends as the hyperparameter says, but not in the preflight."""

    def build(self, hp):
        hp.Choice("end", ["well", "raises", "memory", "killed"])
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(loss="mse", jit_compile=False)
        return model

    def fit(self, hp, model, *arguments, **options):
        if options["epochs"] > 1:
            if hp["end"] == "raises":
                raise ZeroDivisionError("one by zero")
            if hp["end"] == "memory":
                raise MemoryError
            if hp["end"] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        return model.fit(*arguments, **options)


class AlwaysRaises(Ends):
    def fit(self, hp, model, *arguments, **options):
        if options["epochs"] > 1:
            raise ZeroDivisionError("one by zero")
        return model.fit(*arguments, **options)


def test_a_failed_trial_is_told_and_the_search_goes_on(search_table, tmp_path, caplog):
    seen = []
    results = search_table(
        tmp_path / "search",
        "grid",
        Ends(),
        max_trials=4,
        on_progress=lambda progress: seen.extend(progress.failed),
    )
    frame = results.to_frame().drop_duplicates("trial")
    assert dict(zip(frame["end"], frame["status"], strict=True)) == {
        "well": "COMPLETED",
        "raises": "FAILED",
        "memory": "OUT_OF_MEMORY",
        "killed": "FAILED",
    }
    assert "ZeroDivisionError: one by zero" in caplog.text
    assert [trial.name for trial in seen] == list(results.failures) == ["1", "2", "3"]
    assert "killed 3 times without finishing an epoch" in results.failures["3"]
    assert results.best_hyperparameters["end"] == "well"


def test_too_many_failures_in_a_row_stop_the_search(search_table, tmp_path):
    started = time.monotonic()
    with pytest.raises(tuning.SearchError, match="2 consecutive trials failed: ZeroDiv") as error:
        search_table(
            tmp_path / "search", "random", AlwaysRaises(), max_trials=4, max_consecutive_failures=2
        )
    assert "Traceback" in error.value.details
    assert time.monotonic() - started < 60


def test_a_search_without_a_completed_trial_raises(search_table, tmp_path):
    with pytest.raises(tuning.SearchError, match="None of 1 trials completed: ZeroDiv"):
        search_table(tmp_path / "search", "random", AlwaysRaises(), max_trials=1)


@pytest.mark.thorough
def test_what_is_raised_while_it_runs_stops_it_and_it_goes_on(search_table, tmp_path):
    def interrupt(progress):
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_table(tmp_path / "search", on_progress=interrupt)
    ended = {path: path.read_bytes() for path in tmp_path.glob("search/trial_*/ending.json")}
    assert 1 <= len(ended) < 3
    results = search_table(tmp_path / "search")
    assert len(results.to_frame()) == 6
    assert {path: path.read_bytes() for path in ended} == ended


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"tuner": "annealing"}, "`tuner` must be one of 'hyperband', 'random'"),
        ({"max_trials": 0}, "`max_trials` must be an integer ≥ 1"),
        ({"workers": 0}, "`workers` must be an integer ≥ 1"),
        ({"objective": "val_size"}, "`objective` must be a name that tells whether more is better"),
        ({"validation": None}, r"`validation` must be a tuple \(inputs, targets\)"),
        ({"hypermodel": 3}, "`task_or_hypermodel` must be a task's name"),
        ({"hypermodel": "digits"}, "`training` must be None for a task"),
        ({"chief": "here"}, "HOST:PORT"),
    ],
)
def test_mistakes_are_told_at_once(arguments, message, search_table, tmp_path):
    with pytest.raises(ValueError, match=message):
        search_table(tmp_path / "search", **arguments)
    assert not (tmp_path / "search").exists()


def test_each_worker_has_its_own_gpu_or_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4}, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    (first, cores), (second, others) = worker_resources(2)
    assert first["CUDA_VISIBLE_DEVICES"] == "4" and second["CUDA_VISIBLE_DEVICES"] == "5"
    assert (cores, others) == ([0, 2, 4], [1, 3])
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in first
    assert {share["CUDA_VISIBLE_DEVICES"] for share, _ in worker_resources(3)} == {"4", "5"}
    assert all(share["TF_FORCE_GPU_ALLOW_GROWTH"] == "true" for share, _ in worker_resources(3))
    assert worker_resources(1) == [({}, None)]


@pytest.mark.thorough
def test_a_killed_launcher_is_told_from_one_with_a_fault():
    killed = Launcher()
    os.kill(killed.pid, signal.SIGKILL)
    with pytest.raises(LauncherError) as raised:
        while True:
            killed.ended(5.0)
    assert raised.value.was_killed
    killed.close()

    faulty = Launcher()
    faulty._process.stdin.write(b"no request\n")
    faulty._process.stdin.flush()
    with pytest.raises(LauncherError, match="JSONDecodeError") as raised:
        while True:
            faulty.ended(30.0)
    assert not raised.value.was_killed
    faulty.close()


@only_on("jax", reason="JAX tells of a fork that comes too late")
def test_the_launcher_imports_jax_and_does_not_start_it():
    result = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True)
    assert result.stdout.split() == ["False", "True"], result.stderr[-2000:]
