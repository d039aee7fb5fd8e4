"""Search spaces: what they choose, and that builders take it."""

import inspect

import keras_tuner
import pytest

from keras_dlnotes import models, tasks
from keras_dlnotes.tuning import spaces
from keras_dlnotes.tuning.default_space import task_space
from keras_dlnotes.tuning.recipes import TRAINING


def configurations(space, count=40):
    """The default configuration, and random ones: (values, arguments)."""
    found = []
    for seed in range(count + 1):
        hp = keras_tuner.HyperParameters()
        if seed:
            space(hp)
            for number, entry in enumerate(hp.space):
                hp.values[entry.name] = entry.random_sample(100 * seed + number)
            hp.ensure_active_values()
        arguments = space(hp)
        found.append((dict(hp.values), arguments))
    return found


@pytest.mark.parametrize("name", spaces.BUILDER_SPACES)
def test_a_space_gives_arguments_of_its_builder(name):
    parameters = inspect.signature(getattr(models, name)).parameters
    for _, arguments in configurations(spaces.builder_space(name)):
        assert arguments.keys() <= parameters.keys()


def test_a_range_is_drawn_from_end_to_end():
    found = [arguments for _, arguments in configurations(spaces.digits, count=80)]
    assert {arguments["dropout"] for arguments in found} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    assert {arguments["shift"] for arguments in found} == {0.0, 0.05, 0.1, 0.15, 0.2}


def test_every_builder_has_a_space():
    builders = {name for name in models.__all__ if "input_shape" in str(
        inspect.signature(getattr(models, name))) or "vocabulary" in str(
        inspect.signature(getattr(models, name)))}  # fmt: skip
    without_choices = {"densenet121"}
    assert builders - without_choices == spaces.BUILDER_SPACES.keys()


@pytest.mark.parametrize("name", spaces.TASK_SPACES)
def test_the_default_is_the_task_itself(name):
    task = tasks.get(name)
    _, arguments = configurations(task_space(task), count=0)[0]
    training = {key: arguments.pop(key) for key in TRAINING if key in arguments}
    parameters = inspect.signature(models.convnet).parameters
    defaults = {key: parameters[key].default for key in arguments if key in parameters}
    assert arguments == defaults | dict(task.arguments)
    assert training == {"learning_rate": task.learning_rate}


def test_a_condition_that_does_not_hold_leaves_no_value():
    seen = set()
    for values, arguments in configurations(spaces.convnet):
        assert ("moving_statistic" in values) == values["batch_norm"]
        assert (arguments["moving_statistic"] is not None) == values["batch_norm"]
        assert ("hidden_units" in values) == values["hidden"]
        seen.add((arguments["moving_statistic"], arguments["convolution"]))
    assert len(seen) == 9

    for values, arguments in configurations(spaces.many_to_one):
        assert ("truncate" in values) == values["truncated"]
        assert (arguments["truncate"] is not None) == values["truncated"]

    for values, arguments in configurations(spaces.denoising_autoencoder):
        dense = values["layers"] == "dense"
        assert ("hidden_units" in values) == dense == ("hidden" in arguments)
        assert ("filters" in arguments) != dense


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("convnet", {"input_shape": (16, 16, 1), "classes": 3}),
        ("many_to_one", {"input_shape": (12, 2), "outputs": 3}),
        ("denoising_autoencoder", {"input_shape": (8, 8, 1)}),
    ],
)
def test_what_a_space_chooses_can_be_built(name, arguments):
    for _, chosen in configurations(spaces.builder_space(name), count=3):
        assert getattr(models, name)(**arguments, **chosen).count_params() > 0


@pytest.mark.parametrize("name", [name for name in tasks.names() if name not in spaces.TASK_SPACES])
def test_around_a_task_lies_the_task_itself(name):
    task = tasks.get(name)
    (_, default), *others = configurations(task_space(task), count=10)
    rate = default.pop("learning_rate")
    assert rate == task.learning_rate
    assert {**task.arguments, **default} == dict(task.arguments)
    assert (
        any(arguments[key] != value for _, arguments in others for key, value in default.items())
        or not default
    )
