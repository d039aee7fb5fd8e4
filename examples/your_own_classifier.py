"""A classifier of your own: the builder, the data and a picture, without the command line.

Writes mistakes.png into the working directory.
"""

import keras

from keras_dlnotes import data, models, reports

keras.utils.set_random_seed(0)
digits = data.load("digits")
rescale = keras.layers.Rescaling(1 / data.card("digits").value_range[1])
model = models.convnet((8, 8, 1), classes=10, filters=(32, 64), preprocessing=[rescale])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

train, validation, test = (digits[split] for split in ("train", "validation", "test"))
model.fit(
    train["image"],
    train["label"],
    validation_data=(validation["image"], validation["label"]),
    epochs=8,
    verbose=2,
)

probabilities = model.predict(test["image"], verbose=0)
predictions = probabilities.argmax(axis=1)
print(f"test accuracy {(predictions == test['label']).mean():.4f}")
figure = reports.plot_mistakes(
    test["image"], test["label"], predictions, probabilities, [str(digit) for digit in range(10)]
)
figure.savefig("mistakes.png")
