"""Seven networks as people first meet them, made of the layers of either library, and their data.

Each is a function of the namespace of layers and of a width. Hyperparameters that only one of the
libraries has are left out, so that both compute the same.
"""

import keras
import numpy as np

ROWS, BATCHES, REST = 32, 10, 19  # a last batch of another size
LENGTHS = range(6, 126, 4)  # thirty of them


def digits(layers, width):
    inputs = features = layers.Input((28, 28, 1))
    for factor in (1, 2):
        features = layers.Conv2D(factor * width, 3, padding="same", use_bias=False)(features)
        features = layers.ReLU()(layers.BatchNormalization()(features))
        features = layers.MaxPooling2D(2)(features)
    features = layers.Dropout(0.3)(layers.Flatten()(features))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(features))


def densenet(layers, width):
    def unit(features, filters, size):
        features = layers.ReLU()(layers.BatchNormalization()(features))
        return layers.Conv2D(filters, size, padding="same", use_bias=False)(features)

    inputs = layers.Input((32, 32, 3))
    features = layers.Conv2D(2 * width, 3, padding="same", use_bias=False)(inputs)
    for block in range(3):
        if block:
            features = layers.AveragePooling2D(2)(unit(features, features.shape[-1] // 2, 1))
        for _ in range(4):
            new = unit(unit(features, 4 * width, 1), width, 3)
            features = layers.Concatenate()([features, new])
    features = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(features))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(features))


def unet(layers, width):
    def two_convolutions(features, filters):
        for _ in range(2):
            features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
        return features

    inputs = features = layers.Input((64, 64, 1))
    skipped = []
    for level in range(3):
        skipped.append(two_convolutions(features, width * 2**level))
        features = layers.MaxPooling2D(2)(skipped[-1])
    features = two_convolutions(features, width * 8)
    for level in reversed(range(3)):
        features = layers.Conv2DTranspose(width * 2**level, 2, strides=2)(features)
        features = layers.Concatenate()([skipped[level], features])
        features = two_convolutions(features, width * 2**level)
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(features))


def xception(layers, width):
    inputs = layers.Input((64, 64, 3))
    features = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(inputs)
    features = layers.ReLU()(layers.BatchNormalization()(features))
    for level in (1, 2, 3):
        filters = width * 2**level
        shortcut = layers.Conv2D(filters, 1, strides=2, use_bias=False)(features)
        for _ in range(2):
            features = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(features)
            features = layers.ReLU()(layers.BatchNormalization()(features))
        features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
        features = layers.Add()([features, layers.BatchNormalization()(shortcut)])
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(features))


def text_classifier(layers, width):
    inputs = layers.Input((None,), dtype="int32")
    features = layers.Embedding(1000, width, mask_zero=True)(inputs)
    features = layers.Bidirectional(layers.LSTM(width))(features)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(features))


def stacked_gru(layers, width):
    inputs = layers.Input((50, 8))
    features = layers.GRU(width, return_sequences=True)(inputs)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GRU(width)(features)))


def autoencoder(layers, width):
    inputs = features = layers.Input((28, 28, 1))
    for factor in (1, 2):
        features = layers.Conv2D(factor * width, 3, strides=2, padding="same", activation="relu")(
            features
        )
    features = layers.Dense(7 * 7 * width, activation="relu")(
        layers.Dense(16)(layers.Flatten()(features))
    )
    features = layers.Reshape((7, 7, width))(features)
    for filters, activation in ((width, "relu"), (1, "sigmoid")):
        features = layers.Conv2DTranspose(filters, 2, strides=2, activation=activation)(features)
    return keras.Model(inputs, features)


WIDTHS = {
    digits: 16, densenet: 12, unet: 16, xception: 16, text_classifier: 32, stacked_gru: 64,
    autoencoder: 16,
}  # fmt: skip
NETWORKS = {network.__name__: network for network in WIDTHS}


def model_of(name, layers, wider=0):
    """Returns the compiled network of these layers, some units wider than usual."""
    network = NETWORKS[name]
    model = network(layers, WIDTHS[network] + wider)
    pixels = name == "autoencoder"
    model.compile("adam", "mse" if pixels else "sparse_categorical_crossentropy")
    return model


class Batches(keras.utils.PyDataset):
    """The same batches in every epoch."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def batches_of(name, model):
    """Returns the batches of an epoch, the last of another size; for the text, of every length."""
    random = np.random.default_rng(0)
    if name == "text_classifier":
        return [(random.integers(1, 1000, (ROWS, n)), labels(random, ROWS, 10)) for n in LENGTHS]
    shape = model.input_shape[1:]
    batches = []
    for rows in (*[ROWS] * BATCHES, REST):
        inputs = random.uniform(size=(rows, *shape)).astype("float32")
        if name == "autoencoder":
            batches.append((inputs, inputs))
        else:
            targets = labels(random, (rows, *model.output_shape[1:-1]), model.output_shape[-1])
            batches.append((inputs, targets))
    return batches


def labels(random, shape, classes):
    return random.integers(0, classes, shape)
