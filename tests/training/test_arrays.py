"""Arrays of every kind that Keras's `fit` takes: rows by position, types as Keras feeds them."""

import importlib

import keras
import numpy as np
import pandas
import pytest

from keras_dlnotes.runs import ConsecutiveBatches, ShuffledBatches
from keras_dlnotes.training import recompute_statistics
from keras_dlnotes.training.arrays import as_array
from tests.backends import only_on

COUNT = 9
VALUES = np.arange(COUNT, dtype="float64") * 3 + 1
LABELS = np.random.default_rng(0).permutation(COUNT)  # an index of pandas in another order


class Foreign:
    """What has nothing but `__array__`, as the tables of many packages."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values, dtype)


def tensor(framework, dtype="float64", values=VALUES):
    module = importlib.import_module(framework)
    if framework == "jax":
        return module.numpy.asarray(values, "float32" if dtype == "float64" else dtype)
    make = module.constant if framework == "tensorflow" else module.tensor
    return make(values, dtype=getattr(module, dtype))


def mapped(folder):
    np.save(folder / "values.npy", VALUES)
    return np.load(folder / "values.npy", mmap_mode="r")


def stored(folder):
    h5py = pytest.importorskip("h5py")
    file = h5py.File(folder / "values.h5", "w")
    return file.create_dataset("values", data=VALUES)


def columns(**types):
    return pandas.DataFrame({name: VALUES for name in types}, index=LABELS).astype(types)


KINDS = {
    "float64": lambda folder: VALUES,
    "int64": lambda folder: VALUES.astype("int64"),
    "uint8": lambda folder: VALUES.astype("uint8"),
    "big-endian": lambda folder: VALUES.astype(">f4"),
    "big-endian integers": lambda folder: VALUES.astype(">i4"),
    "memory map": mapped,
    "HDF5": stored,
    "matrix": lambda folder: np.asmatrix(VALUES).T,
    "unmasked": lambda folder: np.ma.masked_less(VALUES, 0),
    "foreign": lambda folder: Foreign(VALUES),
    "Series": lambda folder: pandas.Series(VALUES, LABELS),
    "Series of integers that may be missing": lambda folder: pandas.Series(VALUES, LABELS, "Int64"),
    "Series of categories": lambda folder: pandas.Series(VALUES, LABELS, "category"),
    "frame": lambda folder: columns(a="float64", b="float32"),
    "frame of several types": lambda folder: columns(a="int64", b="Int64", c="float64"),
    "frame with booleans": lambda folder: columns(a="int64", b="float32").assign(b=True),
    "frame of categories": lambda folder: columns(a="category"),
    "variable": lambda folder: keras.Variable(VALUES),
    "tensor": lambda folder: keras.ops.convert_to_tensor(VALUES),
    "TensorFlow": lambda folder: tensor("tensorflow"),
    "TensorFlow, half": lambda folder: tensor("tensorflow", "bfloat16"),
    "JAX": lambda folder: tensor("jax"),
    "JAX, half": lambda folder: tensor("jax", "bfloat16"),
    "PyTorch": lambda folder: tensor("torch"),
    "PyTorch, half": lambda folder: tensor("torch", "bfloat16"),
    "PyTorch, with a gradient": lambda folder: tensor("torch").requires_grad_(),
}
REFUSED = {
    "objects": lambda: VALUES.astype(object),
    "dates": lambda: np.array(["2020-01-01"] * COUNT, "datetime64[D]"),
    "dates in a frame": lambda: pandas.DataFrame({"a": pandas.date_range("2020", periods=COUNT)}),
    "texts beside numbers": lambda: columns(a="int64").assign(b="text"),
    "records": lambda: np.zeros(COUNT, [("a", "int32")]),
    "long double": lambda: VALUES.astype(np.longdouble),
    "masked": lambda: np.ma.masked_greater(VALUES, 3),
    "scalar": lambda: np.float64(3),
    "list": lambda: 3.0,
    "SciPy, sparse": lambda: importlib.import_module("scipy.sparse").csr_array(VALUES[:, None]),
    "TensorFlow, sparse": lambda: importlib.import_module("tensorflow").sparse.from_dense(VALUES),
    "TensorFlow, ragged": lambda: importlib.import_module("tensorflow").ragged.constant(
        [[1.0]] * COUNT
    ),
    "JAX, sparse": lambda: importlib.import_module("jax.experimental.sparse").BCOO.fromdense(
        tensor("jax")
    ),
    "PyTorch, sparse": lambda: tensor("torch").to_sparse(),
    "symbolic": lambda: keras.KerasTensor((COUNT, 1)),
}


def made(make, *arguments):
    try:
        return make(*arguments)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [ShuffledBatches, ConsecutiveBatches])
def test_rows_go_by_position_and_stay_together(kind, make, tmp_path):
    values = made(KINDS[kind], tmp_path)
    batches = make((values, VALUES, values), 3, seed=0)
    seen = []
    for epoch in range(2):
        batches.epoch = epoch
        for inputs, targets, weights in (batches[index] for index in range(len(batches))):
            first = np.asarray(inputs).reshape(len(targets), -1)[:, 0]
            np.testing.assert_array_equal(first, targets)
            np.testing.assert_array_equal(inputs, weights)
            seen.extend(targets)
    assert sorted(seen) == sorted([*VALUES, *VALUES])


class Sees(keras.Model):
    """Notes the type and the number of axes of what it is fed."""

    def __init__(self):
        super().__init__(autocast=False)
        self.scale = self.add_weight(shape=())
        self.seen = []

    def call(self, inputs):
        self.seen.append((keras.backend.standardize_dtype(inputs.dtype), len(inputs.shape)))
        return keras.ops.zeros((keras.ops.shape(inputs)[0], 1)) + self.scale


def fed(*data):
    model = Sees()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(*data, verbose=0)
    return model.seen[-1]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "kind",
    [
        *("float64", "int64", "uint8", "matrix", "unmasked", "Series", "frame", "variable"),
        *("tensor", "TensorFlow", "TensorFlow, half", "JAX", "JAX, half"),
        *("PyTorch", "PyTorch, half"),
    ],
)
def test_batches_have_the_types_of_keras(kind, tmp_path):
    values = made(KINDS[kind], tmp_path)
    batches = ShuffledBatches((values, VALUES), COUNT, seed=0)
    assert fed(batches) == fed(values, VALUES)


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_batches_follow_floatx(floatx):
    keras.config.set_floatx(floatx)
    try:
        found = ShuffledBatches((VALUES.astype("float32"), VALUES > 3), 3, seed=0)[0]
    finally:
        keras.config.set_floatx("float32")
    assert [array.dtype for array in found] == [floatx, bool]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_dense_rows_is_refused(kind):
    refused = made(REFUSED[kind])
    for place in range(3):
        arrays = [VALUES] * 3
        arrays[place] = refused
        with pytest.raises(ValueError, match="Argument `arrays` must be made of dense arrays"):
            ShuffledBatches(tuple(arrays), 3, seed=0)


@pytest.mark.parametrize(
    "kind",
    [
        *("float64", "foreign", "Series", "Series of categories", "frame of several types"),
        *("TensorFlow", "JAX", "PyTorch, with a gradient"),
    ],
)
def test_statistics_are_those_of_all_rows(kind, tmp_path):
    values = made(KINDS[kind], tmp_path)
    width = (*as_array("values", values).shape, 1)[1]
    model = keras.Sequential([keras.Input((width,)), keras.layers.BatchNormalization()])
    recompute_statistics(model, values, batch_size=4, verbose=0)
    found = keras.ops.convert_to_numpy(model.layers[0].moving_mean)
    np.testing.assert_allclose(found[0], VALUES.mean(), rtol=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if not kind.endswith("sparse")])
def test_statistics_of_anything_else_are_refused(kind):
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="Argument `data` must be"):
        recompute_statistics(model, made(REFUSED[kind]), verbose=0)


TEXTS = [f"word {number}" for number in range(COUNT)]
TEXT_KINDS = {
    "fixed length": lambda: np.array(TEXTS),
    "bytes": lambda: np.array(TEXTS, "S"),
    "objects": lambda: np.array(TEXTS, object),
    "objects of bytes": lambda: np.array(TEXTS, "S").astype(object),
    "two axes": lambda: np.array(TEXTS)[:, None],
    "any length": lambda: np.array(TEXTS, np.dtypes.StringDType()),
    "Series": lambda: pandas.Series(TEXTS, LABELS),
    "categories": lambda: pandas.Series(TEXTS, LABELS, "category"),
    "frame": lambda: pandas.DataFrame({"a": TEXTS}, LABELS),
}


@pytest.mark.parametrize("kind", TEXT_KINDS)
@only_on("tensorflow", reason="models take texts")
def test_texts_are_rows_too(kind):
    vocabulary = keras.layers.StringLookup(vocabulary=TEXTS, num_oov_indices=0)
    batches = ShuffledBatches((TEXT_KINDS[kind](), np.arange(COUNT)), 4, seed=0)
    for texts, numbers in (batches[index] for index in range(len(batches))):
        np.testing.assert_array_equal(np.ravel(vocabulary(texts)), numbers)
    inputs = keras.Input((1,), dtype="string")
    outputs = keras.layers.Dense(1)(keras.ops.cast(vocabulary(inputs), "float32"))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", run_eagerly=True)
    assert len(model.fit(batches, verbose=0).history["loss"]) == 1


@only_on("jax", "torch", reason="models take no texts")
def test_texts_are_refused_where_models_take_none():
    batches = ShuffledBatches((np.array(TEXTS), VALUES), 4, seed=0)  # for a `fit` of one's own
    with pytest.raises(ValueError, match="Argument `arrays` must be made of numbers"):
        batches[0]
