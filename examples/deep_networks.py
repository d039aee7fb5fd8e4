"""VGG's blocks, residual blocks and dense blocks on the same digits.

Prints the number of weights and the test accuracy of each after a few epochs.
"""

import keras

from keras_dlnotes import data, models, training

digits = data.load("digits")
train, test = ((digits[split]["image"], digits[split]["label"]) for split in ("train", "test"))

builders = {
    "vgg": lambda **shared: models.vgg(filters=(32, 64), blocks=(2, 2), hidden=(64,), **shared),
    "resnet": lambda **shared: models.resnet(filters=(32, 64), blocks=(1, 1), **shared),
    "densenet": lambda **shared: models.densenet(
        blocks=(3, 3), growth_rate=24, bottleneck=False, stem="small", **shared
    ),
}
for name, build in builders.items():
    keras.utils.set_random_seed(0)
    scaled = [keras.layers.Rescaling(1 / 16)]
    model = build(input_shape=(8, 8, 1), classes=10, preprocessing=scaled)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*train, batch_size=47, epochs=6, verbose=2)
    # after so few steps the moving statistics are still far from those of the training set
    training.recompute_statistics(model, train[0], verbose=0)
    accuracy = model.evaluate(*test, verbose=0)[1]
    print(f"{name} {model.count_params():,} weights, test accuracy {accuracy:.3f}")
