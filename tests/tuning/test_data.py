"""Data of every kind reach a trial, which goes on with the same batches after it was killed."""

import pickle

import keras
import numpy as np
import pytest

from keras_dlnotes.runs.sources import batches_of
from keras_dlnotes.tuning.arguments import make_recipe
from keras_dlnotes.tuning.data import divided, few, fingerprint_of, movable
from keras_dlnotes.tuning.fingerprints import difference
from keras_dlnotes.tuning.job import Job, read_job, write_job
from keras_dlnotes.tuning.preflight import dry_run
from tests.runs.sources import KINDS, Batches, Endless, Listed, examples, of_arrays
from tests.tuning.custom_fits import LOSS, run

VALIDATION = examples(16, seed=2)


def build(hp):
    model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = hp.Choice("rate", [0.05, 0.4])
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"], jit_compile=False)
    return model


class Killed(BaseException):
    """Stands for SIGKILL."""


class KillsIt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def needs(kind):
    for word, package in (("dataset", "tensorflow"), ("loader", "torch")):
        if word in kind:
            pytest.importorskip(package)


@pytest.mark.sampled
@pytest.mark.parametrize("is_made", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_trial_ends_as_if_left_alone(kind, is_made, tmp_path):
    needs(kind)
    make, steps = KINDS[kind]

    def recipe(**arguments):
        data = make(*examples())
        return make_recipe(
            build,
            training=(lambda: make(*examples())) if is_made else data,
            validation=VALIDATION,
            steps_per_epoch=steps,
            epochs=3,
            batch_size=8,
            **arguments,
        )

    alone = run(recipe(), {"rate": 0.05}, tmp_path / "alone", LOSS)
    assert alone.message is None
    with pytest.raises(Killed):
        run(recipe(callbacks=[KillsIt(2)]), {"rate": 0.05}, tmp_path / "killed", LOSS)
    again = run(recipe(), {"rate": 0.05}, tmp_path / "killed", LOSS)
    assert again.metrics == alone.metrics


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
def test_the_dry_run_reads_two_batches(kind):
    needs(kind)
    make, steps = KINDS[kind]
    recipe = make_recipe(
        build,
        training=make(*examples()),
        validation=VALIDATION,
        steps_per_epoch=steps,
        batch_size=8,
    )
    found = dry_run(recipe, LOSS)
    assert "val_loss" in found["metrics"]
    assert found["model"] == "4 weights of 30 numbers"
    parts = [entry["part"] for entry in found["training_data"]]
    assert parts == (
        ["inputs", "targets"] if "arrays" in kind else ["batches", "inputs", "targets"]
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (iter([]), "data that can be read again. Received: .* Give a function that makes them"),
        (Batches, None),
        (3, r"a tuple \(inputs, targets\), a source of batches, or a function"),
    ],
)
def test_what_cannot_be_moved_is_refused(value, told):
    if told is None:
        assert movable("training", value).function is value
        return
    with pytest.raises(ValueError, match=f"`training` must be {told}"):
        movable("training", value)


def test_a_source_that_cannot_be_pickled_is_refused():
    class Open(Batches):
        def __reduce__(self):
            raise TypeError("an open file")

    told = (
        "can be moved to the process of a trial. .* Give a function that makes them.* an open file"
    )
    with pytest.raises(ValueError, match=told):
        movable("training", Open(*examples()))


def test_a_dataset_with_python_code_is_refused():
    tensorflow = pytest.importorskip("tensorflow")
    spec = tensorflow.TensorSpec((), "float32")
    dataset = tensorflow.data.Dataset.from_generator(lambda: iter([0.0]), output_signature=spec)
    told = "`training` must be data that can be moved to the process of a trial. .* Give a function"
    with pytest.raises(ValueError, match=told):
        movable("training", dataset)


def test_the_last_examples_are_for_validation():
    inputs, targets = np.arange(10.0), np.arange(10)
    recipe = make_recipe(build, training=(inputs, targets), validation_split=0.3)
    splits = recipe.load()
    np.testing.assert_array_equal(splits.training[0], inputs[:7])
    np.testing.assert_array_equal(splits.validation[1], targets[7:])
    made = make_recipe(build, training=lambda: (inputs, targets), validation_split=0.3).load()
    np.testing.assert_array_equal(made.validation[1], targets[7:])


@pytest.mark.parametrize("share", [0, 0.95, 1, -1, "a"])
def test_a_split_without_examples_is_refused(share):
    with pytest.raises(ValueError, match="`validation_split`"):
        divided((np.zeros(10), np.zeros(10)), share)


def test_a_split_of_a_source_is_refused():
    for source in (Batches(*examples()), lambda: Batches(*examples())):
        with pytest.raises(ValueError, match="`validation_split` must be None for data other"):
            make_recipe(build, training=source, validation_split=0.5).load()
    with pytest.raises(ValueError, match="`validation_split` must be None beside `validation`"):
        make_recipe(build, training=examples(), validation=VALIDATION, validation_split=0.5)


def test_each_execution_opens_a_source_anew():
    recipe = make_recipe(build, training=Batches(*examples()), validation=VALIDATION)
    first, second = recipe.load().training, recipe.load().training
    first.on_epoch_begin()
    first.on_epoch_end()
    assert second.begun == 0 and not np.array_equal(first.inputs, second.inputs)


def test_a_generator_is_called_for_each_pass(tmp_path):
    def batches():
        for start in range(0, 32, 8):
            yield tuple(part[start : start + 8] for part in examples())

    recipe = make_recipe(
        build, training=batches, validation=VALIDATION, epochs=2, steps_per_epoch=6
    )
    assert run(recipe, {"rate": 0.05}, tmp_path, LOSS).message is None
    assert len(list(recipe.load().training)) == len(list(recipe.load().training)) == 4


def test_large_arrays_are_mapped_by_the_trials(tmp_path):
    large = np.arange(2.0**19).reshape(-1, 4)
    np.save(tmp_path / "own.npy", large)
    own = np.load(tmp_path / "own.npy", mmap_mode="r")
    small = np.arange(8)
    job = Job((large, large.T, own, own[100:], own[:, :2], small, large), None, tmp_path, {})
    found = read_job(write_job(job, tmp_path / "job.pickle")).recipe
    for one, other in zip(found, job.recipe, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "job.pickle").stat().st_size < 2**20
    assert len(list(tmp_path.glob("*.array"))) == 3  # the array, its transpose, and the columns
    assert [str(one.filename) for one in found[2:4]] == [str(tmp_path / "own.npy")] * 2
    found[0][0] = -1.0  # a trial's own copy
    np.testing.assert_array_equal(read_job(tmp_path / "job.pickle").recipe[0], large)


def test_a_source_of_other_batches_is_told():
    earlier = fingerprint_of(Listed(*examples()))
    wider = examples()[0].repeat(2, axis=1), examples()[1]
    assert difference(earlier, fingerprint_of(Listed(*examples(seed=3)))) is None
    assert difference(earlier, fingerprint_of(Listed(*wider))) == (
        "the inputs have shape (8,), not (4,)"
    )
    assert difference(earlier, fingerprint_of(Batches(*examples()))).startswith("the batches have")
    assert fingerprint_of(Endless(*examples()))[0]["shape"] == []


def test_a_few_batches_of_a_source_are_of_its_kind():
    for kind in ("dataset", "loader"):
        needs(kind)
        source = KINDS[kind][0](*examples())
        first = few(source, 8)
        assert isinstance(first, type(source).__mro__[-2]) and len(list(first)) == 2
    assert len(few(Batches(*examples()), 8)) == 2
    assert [len(part) for part in few(of_arrays(*examples(42)), 8)] == [10, 10]


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_is_the_same_after_the_pickle_of_a_job(kind):
    needs(kind)
    make, _ = KINDS[kind]
    moved = pickle.loads(pickle.dumps(movable("training", make(*examples()))))
    data = moved.open() if hasattr(moved, "open") else moved
    assert type(data) is type(make(*examples())) or "dataset" in kind
    targets = data[1] if "arrays" in kind else next(batches_of(data, 1))[1]
    assert set(np.unique(np.asarray(targets))) == {0, 1}
