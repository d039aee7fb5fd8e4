"""A metric of a user's own."""

import keras

from tests.tensors import dtype_of


class OfFloat32(keras.metrics.Mean):
    """Takes nothing but what Keras feeds."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        types = {dtype_of(y) for y in (y_true, y_pred)}
        assert types == {"float32"}, types
        super().update_state(keras.ops.abs(y_true - y_pred), sample_weight)
