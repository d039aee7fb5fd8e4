"""VGG, residual and dense networks: against `keras.applications`, PyTorch and counts by hand."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers
from keras_dlnotes.models import densenet, densenet121, resnet, vgg, vgg16

SMALL = {"input_shape": (16, 16, 3), "classes": 4}
BUILDERS = {
    "vgg16": lambda **arguments: vgg16((32, 32, 3), **{"classes": 4, "width": 0.02, **arguments}),
    "vgg": lambda **arguments: vgg(
        **{**SMALL, "filters": (2, 3), "blocks": (1, 2), "hidden": (5,), **arguments}
    ),
    "resnet": lambda **arguments: resnet(
        **{**SMALL, "filters": (2, 3), "blocks": (1, 2), **arguments}
    ),
    "densenet": lambda **arguments: densenet(
        **{**SMALL, "blocks": (1, 2), "growth_rate": 2, **arguments}
    ),
}


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def random_weights(model, seed=1):
    """Weights of every kind at random; positive ones, since a variance must be."""
    generator = np.random.default_rng(seed)
    model.set_weights([generator.uniform(0.05, 0.15, w.shape) for w in model.get_weights()])


def scaled_weights(model, seed=1):
    """Random weights that keep the size of what passes: signed kernels, positive statistics."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:  # one by one, in single precision: VGG-16 has many
        if weight.name == "kernel":
            deviation = np.float32((2 / np.prod(weight.shape[:-1])) ** 0.5)
            weight.assign(deviation * generator.standard_normal(weight.shape, "float32"))
        else:
            weight.assign(0.5 + generator.random(weight.shape, "float32"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("ours", "theirs", "size"),
    [
        (vgg16, keras.applications.VGG16, (32, 35)),
        (densenet121, keras.applications.DenseNet121, (61, 45)),
    ],
)
def test_weights_of_keras_applications_fit_one_for_one(ours, theirs, size):
    model = ours((*size, 3), classes=10)
    twin = theirs(weights=None, input_shape=(*size, 3), classes=10)
    assert [w.path.split("/", 1) for w in model.weights] == [
        w.path.split("/", 1) for w in twin.weights
    ]
    scaled_weights(twin)
    for weight, other in zip(model.weights, twin.weights, strict=True):
        weight.assign(other)
    batch = images(2, *size, 3)
    # called, not traced: a compiled network of this depth takes gigabytes
    probabilities, found = (keras.ops.convert_to_numpy(network(batch)) for network in (twin, model))
    assert probabilities.std() > 1e-3
    np.testing.assert_allclose(found, probabilities, atol=1e-4)


def test_numbers_of_weights_are_those_of_the_papers():
    with keras.StatelessScope(initialize_variables=False):  # weights have shapes, and no memory
        assert vgg16().count_params() == 138_357_544
        assert densenet121().count_params() == 8_062_504


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_outputs_are_probabilities_of_an_uncompiled_model(build):
    model = build()
    assert not model.compiled
    assert all(isinstance(layer, layers.Conv2D) for layer in model.layers if "_conv" in layer.name)
    random_weights(model)
    probabilities = model.predict(images(3, *model.input_shape[1:]), verbose=0)
    assert probabilities.shape == (3, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_logits_without_activation(build):
    model, logits = build(), build(classifier_activation=None)
    random_weights(model)
    logits.set_weights(model.get_weights())
    batch = images(3, *model.input_shape[1:])
    found, expected = model(batch), keras.ops.softmax(logits(batch))
    np.testing.assert_allclose(
        *map(keras.ops.convert_to_numpy, (found, expected)),
        rtol=1e-4,
    )


@pytest.mark.parametrize("name", ["vgg", "resnet", "densenet"])
def test_preprocessing_comes_first(name):
    rescaling = keras.layers.Rescaling(2.0)
    assert BUILDERS[name](preprocessing=[rescaling]).layers[1] is rescaling


@pytest.mark.parametrize("name", ["resnet", "densenet"])
def test_sizes_may_be_unknown(name):
    model = BUILDERS[name](input_shape=(None, None, 3))
    for size in (16, 23):
        assert model(images(2, size, size + 3, 3)).shape == (2, 4)


def test_vgg16_is_thinner_by_width():
    filters = [
        layer.filters
        for layer in vgg16((32, 32, 1), 3, width=1 / 32).layers
        if "conv" in layer.name
    ]
    assert filters == [2, 2, 4, 4, *[8] * 3, *[16] * 6]


def test_batch_normalization_takes_the_place_of_the_bias():
    plain, normalized = (BUILDERS["vgg"](batch_norm=flag) for flag in (False, True))
    convolutions = 2 + 3 + 3
    assert normalized.count_params() == plain.count_params() + 3 * convolutions
    kinds = [type(layer).__name__ for layer in normalized.layers[1:4]]
    assert kinds == ["Conv2D", "BatchNormalization", "Activation"]


def test_vgg_drops_hidden_units():
    names = [type(layer).__name__ for layer in BUILDERS["vgg"](dropout=0.5).layers]
    assert names[-3:] == ["Dense", "Dropout", "Dense"]


class TestResnet:
    def test_has_the_weights_of_the_paper(self):
        """ResNet-20 of the paper has 0.27 M, here with 1×1 convolutions as shortcuts."""
        model = resnet((32, 32, 3), 10, blocks=(3, 3, 3))
        convolutions = 3 * 16 * 9 + 6 * 16 * 16 * 9
        convolutions += 16 * 32 * 9 + 5 * 32 * 32 * 9 + 16 * 32
        convolutions += 32 * 64 * 9 + 5 * 64 * 64 * 9 + 32 * 64
        normalizations = 4 * (7 * 16 + 7 * 32 + 7 * 64)
        assert model.count_params() == convolutions + normalizations + 64 * 10 + 10
        assert sum("conv" in layer.name for layer in model.layers) == 19

    def test_without_normalization_each_convolution_has_a_bias_and_its_initializer(self):
        model = resnet((8, 8, 1), 2, (2, 3), (1, 1), batch_norm=False, kernel_initializer="zeros")
        assert not any("_bn" in layer.name for layer in model.layers)
        convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
        assert len(convolutions) == 5
        assert all(layer.use_bias and not layer.kernel.numpy().any() for layer in convolutions)
        [shortcut] = (layer for layer in model.layers if "shortcut" in layer.name)
        assert shortcut.use_bias and shortcut.kernel.numpy().any()

    @pytest.mark.parametrize("residual", [True, False])
    def test_computes_what_pytorch_computes(self, residual):
        torch = pytest.importorskip("torch")
        functional = torch.nn.functional
        model = resnet((9, 8, 2), 3, filters=(4, 6), blocks=(2, 1), residual=residual)
        scaled_weights(model)
        weights = {w.path: torch.tensor(w.numpy()) for w in model.weights}

        def convolution(x, name, stride=1, padding=1):
            kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)
            return functional.conv2d(x, kernel, stride=stride, padding=padding)

        def normalization(x, name):
            gamma, beta, mean, variance = (
                weights[f"{name}/{part}"]
                for part in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

        def block(x, name, stride=1, projected=False):
            y = normalization(convolution(x, f"{name}_1_conv", stride), f"{name}_1_bn").relu()
            y = normalization(convolution(y, f"{name}_2_conv"), f"{name}_2_bn")
            if projected and residual:
                x = convolution(x, f"{name}_shortcut", stride, padding=0)
                x = normalization(x, f"{name}_shortcut_bn")
            return (y + x if residual else y).relu()

        batch = images(2, 9, 8, 2)
        x = torch.tensor(batch).permute(0, 3, 1, 2)
        x = normalization(convolution(x, "stem_conv"), "stem_bn").relu()
        x = block(block(x, "stage1_block1"), "stage1_block2")
        x = block(x, "stage2_block1", stride=2, projected=True).mean(dim=(2, 3))
        x = (x @ weights["predictions/kernel"] + weights["predictions/bias"]).softmax(dim=1)
        found = keras.ops.convert_to_numpy(model(batch))
        np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-6)


class TestDensenet:
    def test_has_the_weights_that_its_arguments_say(self):
        model = densenet((8, 8, 1), 3, blocks=(2, 1), growth_rate=4, stem="small")
        weights = 9 * 1 * 8  # stem
        for channels in (8, 12):  # first block: 4k = 16 in the bottleneck
            weights += 4 * channels + channels * 16 + 4 * 16 + 9 * 16 * 4
        weights += 4 * 16 + 16 * 8  # transition, θ = ½
        weights += 4 * 8 + 8 * 16 + 4 * 16 + 9 * 16 * 4
        weights += 4 * 12 + 12 * 3 + 3
        assert model.count_params() == weights

    def test_every_layer_gets_all_feature_maps_before_it(self):
        model = densenet(
            (8, 8, 1),
            3,
            blocks=(3, 2),
            growth_rate=4,
            stem="small",
            bottleneck=False,
            compression=1,
        )
        channels = [
            layer.kernel.shape[2] for layer in model.layers if layer.name.endswith("_2_conv")
        ]
        assert channels == [8, 12, 16, 20, 24]

    def test_drops_in_training_only(self):
        model = densenet((8, 8, 1), 3, blocks=(2,), growth_rate=4, stem="small", dropout=0.5)
        assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == 2


@pytest.mark.parametrize(
    ("build", "arguments", "stage"),
    [
        (vgg16, {"input_shape": (31, 40, 3)}, r"Stage 5 gets 1×2 pixels, and its 2×2 poolings"),
        (vgg, {"input_shape": (4, 4, 1), "classes": 2}, "Stage 3 gets 1×1 pixels"),
        (densenet121, {"input_shape": (28, 64, 3)}, r"Stage 4 gets 1×4 pixels"),
        (
            densenet,
            {"input_shape": (None, 3, 1), "classes": 2, "blocks": (1, 1, 1), "stem": "small"},
            "Stage 2 gets None×1 pixels",
        ),
    ],
)
def test_names_the_stage_that_shrinks_below_one_pixel(build, arguments, stage):
    with pytest.raises(ValueError, match=stage):
        build(**arguments)


def test_smallest_sizes_that_fit():
    assert vgg16((32, 32, 1), 2, width=0.01).output_shape == (None, 2)
    assert densenet((29, 29, 3), 2, blocks=(1, 1, 1, 1), growth_rate=1).output_shape == (None, 2)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("vgg", "input_shape", (None, 8, 1)),
        ("vgg", "input_shape", (8, 8)),
        ("vgg", "classes", 0),
        ("vgg", "filters", 3),
        ("vgg", "filters", (2, 0)),
        ("vgg", "blocks", (1,)),
        ("vgg", "hidden", (2.5,)),
        ("vgg", "dropout", 1),
        ("vgg16", "width", 0),
        ("vgg16", "width", "1"),
        ("resnet", "input_shape", (8, 8, None)),
        ("resnet", "filters", ()),
        ("resnet", "blocks", (1,)),
        ("densenet", "blocks", ()),
        ("densenet", "growth_rate", 0),
        ("densenet", "compression", 0),
        ("densenet", "compression", 1.5),
        ("densenet", "dropout", -0.1),
        ("densenet", "stem", "tiny"),
    ],
)
def test_names_the_bad_argument(name, argument, value):
    with pytest.raises(ValueError, match=f"Argument `{argument}`"):
        BUILDERS[name](**{argument: value})


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["resnet", "densenet"])
def test_learns(name):
    labels = np.arange(32) % 2
    batch = images(32, 8, 8, 1)
    batch[labels == 1, :4] += 2
    build = {"resnet": resnet, "densenet": densenet}[name]
    arguments = {
        "resnet": {"filters": (4,), "blocks": (1,)},
        "densenet": {"blocks": (1,), "growth_rate": 4, "stem": "small"},
    }
    model = build((8, 8, 1), 2, **arguments[name])
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    losses = model.fit(batch, labels, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
