"""Trains the small decoder of the latent explorer: `docs/javascripts/latent.json`.

    python docs/train_latent_decoder.py

Handwritten digits of 8×8 pixels go through a code of two numbers and back. The file has the
decoder's dense layers, the codes of the validation images with their digits, and how far the plane
reaches.
"""

import json
from pathlib import Path

import keras
import numpy as np

from keras_dlnotes import data

FILE = Path(__file__).parent / "javascripts" / "latent.json"
SIDE = 8
REACH = 1.1  # the plane shows −1.1 to 1.1; 97% of all coordinates are scaled to lie within −1 and 1
EPOCHS = 400


def digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels between 0 and 1, an image a row, and which digit each is."""
    loaded = data.load("digits", split=split)
    images = loaded["image"].astype("float32") / data.card("digits").value_range[1]
    return images.reshape(len(images), -1), loaded["label"]


def trained(images: np.ndarray) -> tuple[keras.Sequential, keras.Sequential]:
    """An encoder and a decoder, of dense layers."""
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    encoder = keras.Sequential(
        [dense(64, "tanh"), dense(32, "tanh"), dense(2, activity_regularizer="l2")]
    )
    decoder = keras.Sequential([dense(32, "tanh"), dense(64, "tanh"), dense(SIDE**2, "sigmoid")])
    model = keras.Sequential([encoder, decoder])
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    model.fit(images, images, batch_size=64, epochs=EPOCHS, verbose=0)
    return encoder, decoder


def short(values: np.ndarray) -> list:
    """The values to three digits after the point."""
    return values.astype("float64").round(3).tolist()


def main() -> None:
    """Writes the file."""
    images, _ = digits("train")
    encoder, decoder = trained(images)
    scale = float(np.quantile(np.abs(encoder.predict(images, verbose=0)), 0.97))
    layers = [[np.asarray(weight) for weight in layer.get_weights()] for layer in decoder.layers]
    layers[0][0] = layers[0][0] * scale  # the decoder is given the scaled codes
    shown, labels = digits("validation")
    codes = encoder.predict(shown, verbose=0) / scale
    inside = (np.abs(codes) <= 1).all(axis=1)
    content = {
        "side": SIDE,
        "reach": REACH,
        "layers": [{"kernel": short(kernel), "bias": short(bias)} for kernel, bias in layers],
        "codes": [
            [*code, int(label)]
            for code, label in zip(short(codes[inside]), labels[inside], strict=True)
        ],
    }
    text = json.dumps(content, separators=(",", ":"))
    FILE.write_text(text + "\n", encoding="utf-8")
    print(f"{FILE.name}: {len(text) / 1000:.0f} kB, {inside.sum()} codes")


if __name__ == "__main__":
    main()
