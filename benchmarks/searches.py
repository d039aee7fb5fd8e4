"""What a search costs: one worker against two on the same trials, and its memory over many.

    python benchmarks/searches.py workers      # 12 trials of the task digits, twice
    python benchmarks/searches.py memory       # 50 trials of a small network
    python benchmarks/searches.py engine --engine ray    # or local: a search of three trials

The memory is that of all processes of the search together, at the end of a trial; it is read from
/proc, so this runs on Linux only.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from keras_dlnotes import tuning

TRIALS = 12
EPOCHS = 6


def small_digits(hp):
    return {
        "filters": (hp.Choice("filters", [8, 16, 32]), 32),
        "dropout": hp.Float("dropout", 0.0, 0.3, step=0.02),
        "shift": 0.1,
    }


def seconds_of(workers: int, tuner: str, folder: Path) -> tuple[float, set[str]]:
    """Returns the wall time of a search, and its configurations."""
    started = time.perf_counter()
    results = tuning.search(
        "digits",
        tuner,
        TRIALS,
        space=small_digits,
        epochs=EPOCHS,
        workers=workers,
        directory=folder / f"{tuner}{workers}",
    )
    seconds = time.perf_counter() - started
    frame = results.to_frame().drop_duplicates("trial")[["filters", "dropout"]]
    return seconds, {json.dumps(row) for row in frame.to_dict("records")}


def compare_workers(folder: Path) -> None:
    tuning.search(  # starts the process that all searches fork from
        "digits", "random", 1, space=small_digits, epochs=1, directory=folder / "warm"
    )
    cores = len(os.sched_getaffinity(0))
    for tuner in ("random", "grid"):
        (one, first), (two, second) = (seconds_of(workers, tuner, folder) for workers in (1, 2))
        print(
            f"{tuner}, {len(first)} trials of {EPOCHS} epochs on {cores} cores: "
            f"1 worker {one:.1f} s, 2 workers {two:.1f} s, ratio {one / two:.2f}; "
            f"same configurations: {first == second}",
            flush=True,
        )


def build(hp):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(hp.Int("units", 8, 256))])
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse", jit_compile=False)
    return model


def resident() -> float:
    """Returns the proportional memory of this process and its children, in MB."""
    found, waiting = 0.0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
        found += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return found


def table() -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    return rows, rows.sum(axis=1, keepdims=True)


def measure_engine(folder: Path, engine: str) -> None:
    data = table()
    seen: dict[int, float] = {}
    memory: list[float] = []
    started = time.perf_counter()

    def look(progress):
        seen.setdefault(progress.done, time.perf_counter() - started)
        memory.append(resident())

    tuning.search(
        build,
        "random",
        3,
        epochs=2,
        training=data,
        validation=data,
        directory=folder / "engine",
        engine=engine,
        on_progress=look,
    )
    print(
        f"{engine}: the first trial has ended after {seen[1]:.1f} s, the third after {seen[3]:.1f} "
        f"s, closed after {time.perf_counter() - started:.1f} s; at most {max(memory):.0f} MB",
        flush=True,
    )


def measure_memory(folder: Path, trials: int) -> None:
    data = table()
    seen: dict[int, list[float]] = {}

    def look(progress):
        seen.setdefault(progress.done, []).append(resident())

    tuning.search(
        build,
        "random",
        trials,
        epochs=2,
        training=data,
        validation=data,
        directory=folder / "memory",
        on_progress=look,
    )
    for done in (5, trials // 2, trials - 1):
        around = [max(seen[at]) for at in range(done - 2, done + 1) if at in seen]
        print(f"after {done} trials: {max(around):.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["workers", "memory", "engine"])
    parser.add_argument("--engine", default="local", choices=["local", "ray"])
    parser.add_argument("--trials", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "workers":
            compare_workers(Path(folder))
        elif options.what == "engine":
            measure_engine(Path(folder), options.engine)
        else:
            measure_memory(Path(folder), options.trials)


if __name__ == "__main__":
    main()
