"""Recurrence where the graph does not know the number of steps."""

import numpy as np
import pytest

from tests.backends import only_on
from tests.gradcheck import assert_close, gradients
from tests.ops.recurrent_forms import BATCH, FEATURES, FORMS, UNITS

pytestmark = only_on("tensorflow", reason="needs tf.function")


@pytest.mark.thorough
def test_sizes_unknown_until_the_call():
    import tensorflow as tf

    form = FORMS["lstm"]
    x, w, u, b, *_ = form.arrays()

    @tf.function(input_signature=[tf.TensorSpec((None, None, FEATURES))])
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = form(x, w, u, b)
            loss = tf.reduce_sum(found[0] ** 3)
        return (*found, tape.gradient(loss, x))

    zeros = np.zeros((12, UNITS))
    generator = np.random.default_rng(1)
    for batch, time in ((1, 1), (9, 5), (12, 40), (12, 37)):
        x = generator.normal(size=(batch, time, FEATURES)).astype("float32")
        *found, gradient = [entry.numpy() for entry in step(x)]
        assert_close(found, form.loop([x, w, u, b, zeros[:batch], zeros[:batch]]), 1e-6)
        (expected,) = gradients(lambda x: form(x, w, u, b)[0], [x], [3 * found[0] ** 2])
        assert_close([gradient], [expected])


@pytest.mark.sampled
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_padding_an_open_length_changes_no_number(masked, sequences):
    import tensorflow as tf

    form = FORMS["gru"]
    x, *others = form.arrays()
    x = np.random.default_rng(2).normal(size=(BATCH, 19, FEATURES)).astype("float32")
    mask = np.random.default_rng(3).random((BATCH, 19)) < 0.6 if masked else None
    for zeros in (False, True):
        settings = {
            "truncate": 5,
            "return_sequences": sequences,
            "zero_output_for_mask": zeros,
            "mask": mask,
        }

        def step(*tensors, settings=settings):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                found = form(*tensors, **settings)
                loss = sum(tf.reduce_sum(entry**2) for entry in found)
            return [*found, *tape.gradient(loss, tensors)]

        tensors = [tf.constant(array) for array in (x, *others)]
        shapes = [
            tf.TensorSpec((None, None, FEATURES)),
            *map(tf.TensorSpec.from_tensor, tensors[1:]),
        ]
        found = tf.function(step, autograph=False, input_signature=shapes)(*tensors)
        assert_close(
            [entry.numpy() for entry in found], [entry.numpy() for entry in step(*tensors)]
        )
