"""Batches of many sizes share few compiled programs on TensorFlow, and get what is theirs."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests.backends import only_on

pytestmark = [
    pytest.mark.compiled,
    only_on("tensorflow", reason="counts the programs of TensorFlow's XLA"),
]

PROGRAM = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_dlnotes import ops

def count():
    return len(list(Path(sys.argv[1]).glob("*before_optimizations*")))

w, u = tf.ones((2, 12)), tf.ones((3, 12))
kinds = {
    "pool": ([8, 8, 2], lambda x: ops.max_pool(x, 3, 2)),
    "lstm": ([5, 2], lambda x: ops.lstm(x, w, u)[0]),
}
shape, function = kinds[sys.argv[2]]

@tf.function(input_signature=[tf.TensorSpec([None, *shape])])
def step(inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return outputs, tape.gradient(outputs, inputs)

for rows in map(int, sys.argv[3:]):
    step(tf.zeros((rows, *shape)))
    print(rows, count())
"""


def programs(folder, kind, *sizes):
    """How many programs there are after a batch of each size."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), kind, *map(str, sizes)],
        env={**os.environ, "XLA_FLAGS": f"--xla_dump_to={folder} --xla_dump_hlo_as_text"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [int(line.split()[1]) for line in done.stdout.splitlines()]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["pool", "lstm"])
def test_a_smaller_batch_takes_the_program_of_a_larger_one(kind, tmp_path):
    first, last, small, smaller, larger = programs(tmp_path, kind, 32, 19, 8, 7, 33)
    assert first == last > 0  # filled up to 32
    assert small == smaller == 2 * first  # filled up to a quarter
    assert larger == 3 * first


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_every_size_of_batch_gets_its_own_values(pool):
    import tensorflow as tf

    inputs = np.random.default_rng(0).normal(size=(33, 9, 7, 3)).astype("float32")

    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = pool(inputs, 3, 2)
        return outputs, tape.gradient(outputs, inputs, tf.square(outputs))

    expected = [
        np.concatenate(parts)
        for parts in zip(
            *(
                [tensor.numpy() for tensor in step(tf.constant(inputs[row : row + 1]))]
                for row in range(33)
            ),
            strict=True,
        )
    ]
    traced = tf.function(step, input_signature=[tf.TensorSpec([None, 9, 7, 3])])
    for rows in (16, 3, 9, 33, 1, 0, 32):
        for run in (traced, step):
            found = run(tf.constant(inputs[:rows]))
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other[:rows], atol=1e-6)


def test_an_empty_batch_comes_first():
    import tensorflow as tf

    traced = tf.function(
        lambda x: ops.max_pool(x, 2), input_signature=[tf.TensorSpec([None, 4, 4, 5])]
    )
    for rows in (0, 2, 0):
        assert traced(tf.zeros((rows, 4, 4, 5))).shape == (rows, 2, 2, 5)


def test_replicas_share_the_programs():
    """A layer of a strategy is traced within a replica, where variables would be mirrored."""
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    inputs = tf.random.stateless_normal((3, 4, 4, 6), seed=(0, 0))

    @tf.function
    def step(inputs):
        return strategy.run(lambda: ops.max_pool(inputs, 2))

    np.testing.assert_allclose(step(inputs), ops.max_pool(inputs, 2))
    assert keras.ops.shape(step(inputs)) == (3, 2, 2, 6)
