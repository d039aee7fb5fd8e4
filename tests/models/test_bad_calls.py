"""Every builder's arguments are checked first: the wrong one is named before a layer is made."""

import inspect
import re

import keras
import numpy as np
import pytest

from keras_dlnotes import models
from tests.models.table import IMAGE_BUILDERS, OTHER_BUILDERS

NAN, INF, HUGE = float("nan"), float("inf"), 2**40
MOST = 2**31 - 1  # a number by itself, and too many weights beside any other
BUILDERS = {
    **IMAGE_BUILDERS,
    **OTHER_BUILDERS,
    "conv_block": (models.conv_block, {"inputs": keras.Input((6, 8, 2)), "filters": 3}),
    "densenet121": (models.densenet121, {}),
    "convolutional denoising": IMAGE_BUILDERS["denoising_autoencoder"],
    "denoising_autoencoder": (
        models.denoising_autoencoder,
        {"input_shape": (3, 4), "latent_dim": 2},
    ),
}

# what no argument takes, then what none of a kind takes
NEVER = [b"2", 2 + 0j, {}, object()]
COUNT = [*NEVER, 0, -1, 2.0, 0.5, "2", True, None, NAN, INF, MOST, HUGE, 10**400, []]
COUNTS = [
    *NEVER,
    3,
    None,
    "23",
    b"\2\3",
    (0,),
    (2, -1),
    (2.0,),
    (True,),
    (None,),
    ((2,),),
    (HUGE,),
    (MOST, MOST),
]
COUNTS += [(NAN,), ("2",), {2: 3}, {2, 3}, (1,) * 1025, np.array([2, 3])]
FRACTION = [*NEVER, 1, 1.0, -0.1, "0.5", True, None, NAN, INF, HUGE, 10**400, (0.5,)]
NUMBER = [*NEVER, -1, "0.5", True, None, NAN, INF, 10**400, (0.5,)]
FLAG = [*NEVER, None, 1, 0, 0.0, "True", "no", NAN, ()]
WORD = [*NEVER, "other", "", 3, True, NAN, HUGE, ("same",), []]
SIZES = [*NEVER, 3, "88", b"\2\3", (0,), (-1, 3), (2.0, 3), (True, 3), ("2", 3), (NAN, 3)]
IMAGE = [*SIZES, (8, 8), (8, 8, 1, 1), (0, 8, 1), (8, 8, 0), (8.0, 8, 1), (8, 8, None)]
IMAGE += [(HUGE, 8, 1), (8, 8, HUGE), (8, True, 1), ("8", 8, 1), np.array([8, 8, 1]), {8, 9, 1}]
SEQUENCE = [*SIZES, None, (3,), (2, 3, 4), (None, None), (2, None), (2, 0), (HUGE, 3), (None, HUGE)]
EXAMPLE = [*SIZES, None, (), (None, 3), (HUGE,), (2**20, 2**20), (1,) * 65]
ACTIVATION = [*NEVER, "other", "", 3, True, NAN, ("relu",), []]
LAYERS = [*NEVER, None, 3, "ab", keras.layers.ReLU(), (None,), (keras.layers.ReLU,), ("relu",)]
WINDOW = [
    *NEVER,
    0,
    -1,
    2.0,
    "2",
    True,
    None,
    NAN,
    HUGE,
    (2,),
    (2, 2, 2),
    (2, 0),
    (2, "2"),
    b"\2\2",
]
PADDING = [*NEVER, -1, 1.0, "other", None, True, NAN, (1,), (1, 1, 1), (1, -1), ((1,), 1), HUGE]

BAD = {
    "activation": ACTIVATION,
    "batch_norm": FLAG,
    "batch_size": [value for value in COUNT if value is not None],
    "bidirectional": FLAG,
    "blocks": [*COUNTS, (1024, 1)],
    "bottleneck": FLAG,
    "cell": [*WORD, None, "LSTM"],
    "classes": COUNT,
    "classifier_activation": ACTIVATION,
    "compression": [*NUMBER, 0, 0.0, 1.5],
    "convolution": [*WORD, None],
    "data_format": WORD,
    "depth": [*COUNT, 31],
    "dropout": FRACTION,
    "embedding_dim": COUNT,
    "filters": COUNTS,
    "growth_rate": COUNT,
    "hidden": COUNTS,
    "input_shape": IMAGE,
    "inputs": [*NEVER, None, 3, "images", keras.Input((6, 8)), keras.Input((6, 8, None))],
    "kernel_initializer": [*NEVER[1:], "other", 3, True],
    "kernel_size": WINDOW,
    "latent_dim": COUNT,
    "mask_value": [value for value in NUMBER if value not in (None, -1)],
    "moving_statistic": WORD,
    "name": [*NEVER, 3, True, "", "a/b"],
    "noise_stddev": NUMBER,
    "output_activation": ACTIVATION,
    "outputs": COUNT,
    "padding": PADDING,
    "pool_size": WINDOW,
    "preprocessing": LAYERS,
    "residual": FLAG,
    "source_vocabulary": [*COUNT, 1],
    "stateful": FLAG,
    "stem": [*WORD, None],
    "steps": COUNT,
    "tags": COUNT,
    "target_vocabulary": [*COUNT, 1],
    "truncate": [value for value in COUNT if value not in (None, MOST, HUGE, 10**400)],
    "units": [*COUNT, (2, -1), (2.0,), (True,), (None,), (MOST,), (2, MOST), (HUGE,), (1,) * 1025],
    "vocabulary_size": [*COUNT, 1],
    "width": [*NUMBER, 0, 5, HUGE],
}
OF_A_BUILDER = {
    ("autoencoder", "input_shape"): EXAMPLE,
    ("denoising_autoencoder", "input_shape"): EXAMPLE,
    ("many_to_many", "input_shape"): SEQUENCE,
    ("many_to_one", "input_shape"): SEQUENCE,
    ("one_to_many", "input_shape"): EXAMPLE,
    ("one_to_many", "units"): COUNT,
    ("sequence_to_sequence", "units"): COUNT,
    ("conv_block", "filters"): COUNT,
    ("unet", "filters"): COUNT,
    ("unet", "padding"): [*NEVER, 1, -1, "valid", None, True, False, 0.0],
    ("convolutional denoising", "filters"): [value for value in COUNTS if value is not None],
    ("denoising_autoencoder", "filters"): [],
}
ARGUMENTS = [
    (name, argument)
    for name, (builder, _) in BUILDERS.items()
    for argument in inspect.signature(builder).parameters
    if not (name == "convolutional denoising" and argument == "hidden")  # reads none
]
# a window that does not fit may be called one, or an image that is too small
ALSO = {"kernel_size": "input_shape", "pool_size": "input_shape"}


@pytest.fixture
def no_layers(monkeypatch):
    """No layer can be made but an input."""
    make = keras.Layer.__init__

    def refuse(layer, *args, **kwargs):
        assert isinstance(layer, keras.layers.InputLayer), f"{type(layer).__name__} is made"
        make(layer, *args, **kwargs)

    monkeypatch.setattr(keras.Layer, "__init__", refuse)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_a_wrong_argument_is_named_before_any_layer_is_made(name, argument, no_layers):
    builder, defaults = BUILDERS[name]
    for value in OF_A_BUILDER.get((name, argument), BAD[argument]):
        names = "|".join({argument, ALSO.get(argument, argument)})
        with pytest.raises(ValueError) as raised:
            builder(**{**defaults, argument: value})
        assert re.match(f"Argument `({names})` must be ", str(raised.value)), (value, raised.value)
