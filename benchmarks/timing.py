"""Fair timing on machines whose speed drifts: rivals alternate in one process, by medians."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
THREADS = 2
REST_SECONDS = 0.05
RIVALS = ("keras", "torch", "torch channels last")


def interleave(rivals: Mapping[str, Callable], repeats: int = 15) -> dict[str, float]:
    """Returns the median of each rival's times in milliseconds, after two warm-up turns.

    The order rotates from turn to turn, and before each measurement the machine rests: PyTorch's
    threads keep spinning for some milliseconds after its last call, which would otherwise be
    charged to the next rival. Then an unmeasured call awakes the rival's own threads.
    """
    times: dict[str, list[float]] = {name: [] for name in rivals}
    names = list(rivals)
    for turn in range(-2, repeats):
        for place in range(len(names)):
            name = names[(turn + place) % len(names)]
            time.sleep(REST_SECONDS)
            rivals[name]()
            start = time.perf_counter()
            rivals[name]()
            if turn >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(values) for name, values in times.items()}


def copy(inputs) -> Callable:
    """Returns a plain copy of the inputs: nothing that reads and writes as much is faster."""
    import numpy as np

    copied = np.empty_like(inputs)
    return lambda: np.copyto(copied, inputs)


def use_two_cores() -> None:
    """Keeps this process to two cores: JAX takes as many threads as there are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def use_two_threads() -> None:
    """Gives TensorFlow and, where it is installed, PyTorch two threads each."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    torch = import_torch()
    if torch is not None:
        torch.set_num_threads(THREADS)


def import_torch():
    """Returns PyTorch, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def tensorflow_step(
    function: Callable, inputs, variables=(), jit_compile: bool = False
) -> Callable:
    """Returns forward and backward pass as one graph: a train step without the optimizer."""
    import tensorflow as tf

    @tf.function(autograph=False, jit_compile=jit_compile)
    def step(inputs, upstream):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = function(inputs)
        return outputs, tape.gradient(outputs, [inputs, *variables], upstream)

    inputs = tf.constant(inputs)
    upstream = tf.random.stateless_normal(function(inputs).shape, seed=(0, 0))
    return lambda: step(inputs, upstream)


def tensorflow_forward(function: Callable, inputs) -> Callable:
    """Returns the forward pass for inference as one graph."""
    import tensorflow as tf

    inputs = tf.constant(inputs)
    graph = tf.function(lambda inputs: function(inputs, training=False), autograph=False)
    return lambda: graph(inputs)


def torch_step(function: Callable, inputs, channels_last: bool = False) -> Callable:
    """Returns forward and backward pass in PyTorch, of channels-last `inputs`."""
    torch = import_torch()
    tensor = torch.tensor(inputs).movedim(-1, 1)
    tensor = tensor.contiguous() if not channels_last else tensor
    tensor.requires_grad_(True)
    upstream = torch.randn_like(function(tensor).detach())

    def step():
        tensor.grad = None
        function(tensor).backward(upstream)

    return step


def row(
    name: str, step: Mapping[str, float], forward: Mapping[str, float], moved: float | None = None
) -> dict:
    """Returns a row of the table: our times, and the others' times relative to them.

    Args:
        name: of the layer.
        step: milliseconds of a train step of each rival.
        forward: the same of inference, and of a plain `copy` of the inputs where `moved` is given.
        moved: the bytes that inference reads and writes, in units of those that the copy does.
    """

    def ratio(times, rival):
        return times[rival] / times["ours"] if rival in times else None

    rate = {} if moved is None else {"of the copy's rate": moved * ratio(forward, "copy")}
    return {
        "layer": name,
        "ours ms": step["ours"],
        **{f"{rival} / ours": ratio(step, rival) for rival in RIVALS},
        "inference ms": forward["ours"],
        "keras / ours, inference": ratio(forward, "keras"),
        **rate,
    }


def main(description: str, measure: Callable[..., list[dict]], choices=()) -> None:
    """Runs a benchmark from the command line: prints a table, and writes JSON on request.

    Where there are choices, `--only` selects some of them, which are passed to `measure`.
    """
    parser = argparse.ArgumentParser(description=description)
    if choices:
        parser.add_argument("--only", nargs="+", choices=choices, default=list(choices))
    parser.add_argument("--repeats", type=int, default=15, help="measured turns of each rival")
    parser.add_argument(
        "--processes", type=int, default=1, help="number of processes to take medians over"
    )
    parser.add_argument(
        "--json", type=Path, help="file for the rows and a description of the machine"
    )
    arguments = parser.parse_args()
    chosen = [arguments.only] if choices else []
    if arguments.processes > 1:
        only = ["--only", *arguments.only] if choices else []
        options = ["--repeats", str(arguments.repeats), *only]
        rows = _medians([_in_a_fresh_process(options) for _ in range(arguments.processes)])
    else:
        use_two_threads()
        rows = measure(arguments.repeats, *chosen)
    print_table(rows)
    if arguments.json:
        write_json(arguments.json, rows, arguments.processes)


def _in_a_fresh_process(options: list[str]) -> list[dict]:
    """Returns the rows of this benchmark from a new process, whose threads are placed afresh."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [sys.executable, sys.argv[0], *options, "--json", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(path.read_text())["rows"]


def _medians(runs: list[list[dict]]) -> list[dict]:
    """Returns the rows with each number replaced by its median over the runs."""

    def median(values):
        return statistics.median(values) if isinstance(values[0], float) else values[0]

    return [
        {name: median([row[name] for row in same]) for name in same[0]}
        for same in zip(*runs, strict=True)
    ]


def write_json(path: Path, rows: list[dict], processes: int) -> None:
    """Writes the rows, and on what machine and over how many processes they were measured."""
    machine = {**_machine(), "processes": processes}
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


def print_table(rows: list[dict]) -> None:
    """Prints the rows, fractions with two digits."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(
            *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values())
        )
    Console(width=140).print(table)


def _processor_information() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _processor() -> str:
    lines = _processor_information().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _machine() -> dict:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("keras", "tensorflow", "jax", "torch", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "processor": _processor(),
        # TensorFlow uses oneDNN's kernels where the processor has these instructions, or on request
        "avx512_vnni": "avx512_vnni" in _processor_information(),
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "not set"),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "python": platform.python_version(),
        **versions,
    }
