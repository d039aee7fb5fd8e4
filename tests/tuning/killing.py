"""Searches whose processes are killed with SIGKILL, at random moments, until nothing is left to do.

    python tests/tuning/killing.py --kills 30 [--engine ray]

kills the search itself, its launcher, its chief and its workers over the four tuners, starts the
search again where it was the search that died, and checks that no trial was lost, changed after its
end, or run to its end twice; on Ray, the search, Ray's processes for trials and its raylet, without
which a search ends. Linux only: it finds the processes in /proc.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import keras_dlnotes
from keras_dlnotes.tuning.entrypoints import MAX_DEATHS

TUNERS = ("random", "grid", "hyperband", "bayesian")
MAX_TRIALS = {"random": 8, "grid": 8, "hyperband": 10, "bayesian": 8}
EPOCHS = 4
SEARCH = """
import logging
import sys
import keras
import numpy as np
from keras_dlnotes import tuning

def build(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Choice("units", [2, 4, 8], default=4), activation="tanh"))
    model.add(keras.layers.Dense(1))
    rate = hp.Choice("learning_rate", [1e-3, 1e-2, 1e-1], default=1e-2)
    model.compile(keras.optimizers.Adam(rate), loss="mse", jit_compile=False)
    return model

inputs = np.random.default_rng(0).normal(size=(128, 4)).astype("float32")
data = inputs, inputs.sum(axis=1, keepdims=True)
logging.basicConfig(level=logging.INFO)
tuner, directory, trials, epochs, engine = sys.argv[1:]
tuning.search(
    build, tuner, max_trials=int(trials), epochs=int(epochs), batch_size=1, training=data,
    validation=data, directory=directory, workers=2, engine=engine,
    tuner_arguments={"num_initial_points": 3} if tuner == "bayesian" else {},
)
"""


class Killer:
    """Runs one search to its end, killing its processes on the way.

    Attributes:
        kills: what was killed, and how often.
        failures: what should not have happened.
    """

    engine = "local"
    targets = ("worker", "search", "chief", "worker", "chief", "launcher")
    end_the_search = ("search",)

    def __init__(
        self, tuner: str, directory: Path, generator: random.Random, trials: int | None = None
    ):
        self.tuner = tuner
        self.trials = MAX_TRIALS[tuner] if trials is None else trials
        self.directory = directory
        self.kills: Counter[str] = Counter()
        self.failures: list[str] = []
        self._generator = generator
        self._records: dict[Path, bytes] = {}
        self._epochs_at_kills: list[dict[str, int]] = []
        self._search: subprocess.Popen | None = None

    def run(self, targets: list[str]) -> None:
        """Kills the targets, one after the other, and lets the search end."""
        self._start()
        for target in targets:
            time.sleep(self._generator.uniform(0.0, 1.5))
            if not self._kill(target):
                break
            self._check_records()
        try:
            code = self._search.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self._search.kill()
            code = "nothing, for two minutes"
        if code != 0:
            log = self.directory.with_suffix(".log").read_text()[-2000:]
            self.failures.append(f"the search ended with {code}: {log}")
            return
        self._check_records()
        self._check_trials()
        self._check_orphans()

    def _start(self) -> None:
        arguments = [self.tuner, self.directory, self.trials, EPOCHS, self.engine]
        paths = [str(Path(keras_dlnotes.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        with self.directory.with_suffix(".log").open("ab") as log:
            self._search = subprocess.Popen(
                [sys.executable, "-c", SEARCH, *map(str, arguments)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                stdout=log,
                stderr=log,
            )

    def _kill(self, target: str) -> bool:
        """Kills the target once it is there; False where the search has ended before."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._search.poll() is not None:
                return False
            found = self._processes()
            # the search itself, once it has something to lose
            if target in found and (target not in self.end_the_search or "worker" in found):
                time.sleep(self._generator.uniform(0.0, 1.0))
                if self._is_a_trial_at_its_last_try():
                    deadline = time.monotonic() + 60
                    continue
                try:
                    os.kill(self._generator.choice(found[target]), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills[target] += 1
                self._epochs_at_kills.append(self._epochs())
                if target in self.end_the_search:
                    self._search.wait()
                    self._start()
                return True
            time.sleep(0.05)
        self.failures.append(f"there was no {target} for a minute")
        return False

    def _epochs(self) -> dict[str, int]:
        """The epochs of each trial that has begun and not ended, as far as they are on the disk."""
        begun = (p for p in self.directory.glob("trial_*") if not (p / "ending.json").exists())
        states = {p.name: p / "execution_0/checkpoints/state.json" for p in begun}
        return {
            name: json.loads(state.read_text())["epoch"] if state.exists() else 0
            for name, state in states.items()
        }

    def _is_a_trial_at_its_last_try(self) -> bool:
        """Whether one more kill before its next epoch could be a trial's end."""
        last = [*self._epochs_at_kills[1 - MAX_DEATHS :], self._epochs()]
        return len(last) == MAX_DEATHS and any(
            all(one.get(name) == epochs for one in last) for name, epochs in last[-1].items()
        )

    def _processes(self) -> dict[str, list[int]]:
        found = {"search": [self._search.pid]}
        for launcher in children(self._search.pid):
            found.setdefault("launcher", []).append(launcher)
            for child in children(launcher):
                name = output_of(child).removesuffix(".log").rstrip("0123456789")
                found.setdefault(name, []).append(child)
        return found

    def _check_records(self) -> None:
        """What has ended stays as it is, to the byte."""
        for path, content in self._records.items():
            if not path.exists() or path.read_bytes() != content:
                self.failures.append(f"{path} has changed")
        for path in self.directory.glob("trial_*/ending.json"):
            self._records[path] = path.read_bytes()
        for path in self.directory.glob("trial_*/trial.json"):
            content = path.read_bytes()
            if json.loads(content)["status"] == "COMPLETED":
                self._records[path] = content

    def _check_trials(self) -> None:
        """Every trial has ended, once, with all its epochs."""
        state = json.loads((self.directory / "oracle.json").read_text())
        trials = sorted(path.name for path in self.directory.glob("trial_*"))
        if sorted(f"trial_{name}" for name in state["end_order"]) != trials:
            self.failures.append(f"ended {state['end_order']}, but there are {trials}")
        if self.tuner != "hyperband" and len(trials) != self.trials:
            self.failures.append(f"{len(trials)} trials")
        ends = re.findall(r"Trial (\S+) has ended: (\w+)", self._logs())
        for name, count in Counter(name for name, _ in ends).items():
            if count != 1:
                self.failures.append(f"trial {name} ended {count} times")
        for name in trials:
            outcome = json.loads((self.directory / name / "ending.json").read_text())
            values = outcome["hyperparameters"]["values"]
            state = self.directory / name / "execution_0/checkpoints/state.json"
            epochs = len(json.loads(state.read_text())["history"]) if state.exists() else 0
            if outcome["status"] != "COMPLETED" or epochs != values.get("tuner/epochs", EPOCHS):
                self.failures.append(f"{name}: {outcome['status']} after {epochs} epochs")

    def _check_orphans(self) -> None:
        time.sleep(1.5)
        for path in Path("/proc").glob("[0-9]*"):
            if output_of(int(path.name), whole=True).startswith(f"{self.directory}/"):
                self.failures.append(f"process {path.name} is still there")

    def _logs(self) -> str:
        return "".join(path.read_text() for path in self.directory.glob("worker*.log"))

    @property
    def resumed(self) -> int:
        """How often a trial went on from an epoch after its first, as far as the logs tell."""
        return len(re.findall(r"continues after epoch [1-9]", self._logs()))


class RayKiller(Killer):
    """The same for a search on Ray, which it starts on this machine."""

    engine = "ray"
    targets = ("worker", "search", "worker", "raylet")
    end_the_search = ("search", "raylet")

    def _processes(self) -> dict[str, list[int]]:
        found = {"search": [self._search.pid]}
        left = [self._search.pid]
        while left:
            for pid in children(left.pop()):
                left.append(pid)
                command = command_of(pid)
                if command.startswith("ray::train"):
                    found.setdefault("worker", []).append(pid)
                elif "/raylet" in command.partition(" ")[0]:
                    found.setdefault("raylet", []).append(pid)
        return found

    def _logs(self) -> str:
        return self.directory.with_suffix(".log").read_text()


KILLERS = {killer.engine: killer for killer in (Killer, RayKiller)}


def children(pid: int) -> list[int]:
    """Returns the child processes of a process, whichever of its threads has started them."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def command_of(pid: int) -> str:
    """Returns how a process was started, or calls itself; "" where it can't be told."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def output_of(pid: int, whole: bool = False) -> str:
    """Returns the file that a process prints to; "" where it can't be told."""
    try:
        path = os.readlink(f"/proc/{pid}/fd/1")
    except OSError:
        return ""
    return path if whole else Path(path).name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tuners", default=",".join(TUNERS))
    parser.add_argument("--engine", choices=KILLERS, default="local")
    options = parser.parse_args()
    generator = random.Random(options.seed)
    tuners = options.tuners.split(",")
    kind = KILLERS[options.engine]
    targets = [kind.targets[number % len(kind.targets)] for number in range(options.kills)]
    generator.shuffle(targets)
    failed = False
    scratch = Path(tempfile.mkdtemp(prefix="keras_dlnotes_kills_"))
    for number, tuner in enumerate(tuners):
        killer = kind(tuner, scratch / tuner, generator)
        started = time.monotonic()
        killer.run(targets[number :: len(tuners)])
        failed = failed or bool(killer.failures)
        print(
            f"{tuner}: {dict(killer.kills)} killed, {killer.resumed} trials went on from their "
            f"last epoch, {len(killer.failures)} failures, {time.monotonic() - started:.0f} s",
            *killer.failures,
            sep="\n  ",
            flush=True,
        )
    if not failed:
        shutil.rmtree(scratch)
    sys.exit(failed)


if __name__ == "__main__":
    main()
