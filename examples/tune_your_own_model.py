"""A search of your own: KerasTuner's `build(hp)`, with trials that survive and go on after a kill.

Any function that KerasTuner takes will do. This one chooses between an ordinary and a spatially
separable convolution, on real digits; run it again, and it finds its search finished.
"""

import keras

from keras_dlnotes import data, layers, tuning

digits = data.load("digits")
training, validation = (
    (digits[split]["image"] / 16, digits[split]["label"]) for split in ("train", "validation")
)


def build(hp):
    kind = hp.Choice("convolution", ["Conv2D", "SpatiallySeparableConv2D"])
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            getattr(layers, kind)(hp.Choice("filters", [8, 16]), 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


results = tuning.search(
    build,
    "random",
    max_trials=4,
    objective="val_accuracy",
    training=training,
    validation=validation,
    epochs=3,
    workers=2,
    directory="searches/example",
)
frame = results.to_frame()
print(frame.groupby("trial")[["convolution", "filters", "val_accuracy"]].max())
print(f"best: {results.best_score:.3f} with {dict(results.best_hyperparameters)}")
results.to_html("searches/example/report.html")
