"""What the ops ask about a framework, beside its kernels."""

from pathlib import Path
from typing import Any

import keras


class Framework:
    """The answers that most frameworks share."""

    # whether ops prefer the framework's own differentiable kernels where it has them
    prefers_own_kernels = False
    # whether they prefer its kernels of average pooling at least
    averages_natively = False
    # whether XLA compiles each op on its own, even inside a graph that is not compiled: a compiler
    # around it then has nothing to add, and may keep the parts of a batch from running concurrently
    compiles_each_op = False
    # whether loops over time run step by step in Python and write into tensors
    loops_in_python = False
    # whether a graph can check values and open lengths when it runs
    asserts_in_graphs = False
    # whether every length must be known when the framework compiles
    needs_known_lengths = False
    # whether the convolution kernels return wrong shapes for an empty batch, or have no gradient
    fails_on_empty_batches = False
    # whether it can keep compiled programs on disk
    keeps_compiled = False

    def runs_concurrently(self) -> bool:
        """Tells whether calls that do not depend on each other run at the same time."""
        return False

    def has_gpu(self) -> bool:
        """Tells whether the framework sees a GPU."""
        # all devices, because JAX raises when it is asked for a kind that is absent
        return any(name.startswith("gpu") for name in keras.distribution.list_devices())

    def sum_rows(self, rows) -> Any:
        """Returns Σ over the first axis of a matrix."""
        return keras.ops.sum(rows, axis=0)

    def known_value(self, tensor) -> Any:
        """Returns the value of a scalar, or None while it is being traced."""
        raise NotImplementedError

    def keep_compiled(self, folder: Path | None) -> None:
        """Keeps compiled programs in this folder, or no longer."""
        raise RuntimeError(
            "compiled programs are kept only on JAX: TensorFlow's files of them carry neither a "
            "version nor the processor, and PyTorch compiles nothing"
        )
