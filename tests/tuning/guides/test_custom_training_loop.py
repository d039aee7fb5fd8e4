"""KerasTuner's guide "Tune hyperparameters in your custom training loop"."""

import keras
import keras_tuner
import numpy as np
import pytest

pytestmark = pytest.mark.thorough
needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tensorflow only: its gradient tape"
)


class OwnLoop(keras_tuner.HyperModel):
    """A loop over a `tf.data.Dataset` whose batch size is tuned, and which reports its epochs."""

    def build(self, hp):
        inputs = keras.Input((8, 8, 1))
        hidden = keras.layers.Dense(hp.Int("units", 4, 8, step=4), "relu")
        outputs = keras.layers.Dense(10)(hidden(keras.layers.Flatten()(inputs)))
        return keras.Model(inputs, outputs)

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        import tensorflow as tf

        size = hp.Int("batch_size", 8, 16, step=8, default=8)
        batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
        validation = tf.data.Dataset.from_tensor_slices(validation_data).batch(size)
        optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        mean = keras.metrics.Mean()
        for callback in callbacks:
            callback.set_model(model)
        best = float("inf")
        for epoch in range(2):
            for inputs, targets in batches:
                with tf.GradientTape() as tape:
                    value = loss(targets, model(inputs, training=True))
                gradients = tape.gradient(value, model.trainable_variables)
                optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            mean.reset_state()
            for inputs, targets in validation:
                mean.update_state(loss(targets, model(inputs, training=False)))
            found = float(mean.result())
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"my_metric": found})
            best = min(best, found)
        return best


@needs_tensorflow
def test_a_custom_training_loop(search, images):
    training, validation = images
    results = search(
        OwnLoop(),
        objective=keras_tuner.Objective("my_metric", "min"),
        training=training,
        validation=validation,
    )
    assert {"units", "batch_size", "learning_rate"} <= set(results.to_frame())
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    found = float(loss(validation[1], results.best_model()(validation[0])))
    assert found == pytest.approx(results.best_score, rel=0.2)
    assert dict(results.best_hyperparameters)["batch_size"] in (8, 16)


class TunesItsBatches(keras_tuner.HyperModel):
    def build(self, hp):
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        model.compile("adam", "categorical_crossentropy", jit_compile=False)
        return model

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [8, 20]), **kwargs)


def test_a_tuned_batch_size(search, images):
    training, validation = images
    results = search(
        TunesItsBatches(), "grid", max_trials=2, training=training, validation=validation
    )
    assert sorted(results.to_frame()["batch_size"]) == [8, 20]
    assert np.isfinite(results.best_score)
