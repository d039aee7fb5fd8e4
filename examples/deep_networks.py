"""VGG's blocks, residual blocks and dense blocks on the same digits.

Prints the test accuracy of each after a few epochs.
"""

import keras

from keras_dlnotes import data, models, training

mnist = data.load("mnist_subset")
train, test = ((mnist[split]["image"], mnist[split]["label"]) for split in ("train", "test"))

builders = {
    "vgg": lambda **shared: models.vgg(filters=(16, 32), blocks=(2, 2), hidden=(32,), **shared),
    "resnet": lambda **shared: models.resnet(filters=(16, 32), blocks=(1, 1), **shared),
    "densenet": lambda **shared: models.densenet(
        blocks=(2, 2), growth_rate=24, stem="small", **shared
    ),
}
for name, build in builders.items():
    keras.utils.set_random_seed(0)
    # half the size is enough to see the difference, and four times as fast
    smaller = [keras.layers.AveragePooling2D(2), keras.layers.Rescaling(1 / 255)]
    model = build(input_shape=(28, 28, 1), classes=10, preprocessing=smaller)
    model.compile(
        keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(*train, batch_size=50, epochs=2, verbose=2)
    training.recompute_statistics(model, train[0][:500], verbose=0)
    accuracy = model.evaluate(*test, verbose=0)[1]
    print(f"{name:9} {model.count_params():7,} weights, test accuracy {accuracy:.3f}")
