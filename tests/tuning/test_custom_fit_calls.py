"""How a `fit` of the user's own is called, and what it may return or raise."""

import keras_tuner
import pytest

from keras_dlnotes.tuning.custom_fit import train_again
from keras_dlnotes.tuning.execution import Execution
from keras_dlnotes.tuning.preflight import RuledOutError, dry_run
from tests.tuning.custom_fits import (
    INPUTS,
    LOSS,
    RATES,
    TARGETS,
    Line,
    ReturnsDict,
    ReturnsHistory,
    ReturnsNumber,
    SetsItsEpochs,
    given,
    recipe_of,
    run,
)


def test_what_a_fit_is_given():
    seen = []

    def by_place(self, hp, model, x, y, validation_data, callbacks):
        seen.append((x.shape, y.shape, len(validation_data), len(callbacks)))
        return 1.0

    def by_name(self, hp, model, *, x, y, epochs, batch_size, callbacks=None):
        seen.append((x.shape, y.shape, epochs, batch_size))
        return 1.0

    def with_defaults(self, hp, model, *args, epochs=7, verbose=1, initial_epoch=0, **kwargs):
        seen.append((len(args), epochs, verbose, sorted(kwargs)))
        return 1.0

    for fit, arguments in ((by_place, {}), (by_name, {}), (with_defaults, {})):
        recipe = recipe_of(given(fit), **arguments)
        hp = keras_tuner.HyperParameters()
        train_again(Execution(recipe, recipe.load(), hp, None, 5, 0), (INPUTS, TARGETS), 0)
    recipe = recipe_of(given(with_defaults), epochs=3, batch_size=4)
    train_again(Execution(recipe, recipe.load(), hp, None, 3, 0), (INPUTS, TARGETS), 0)
    rest = ["callbacks", "validation_data"]
    assert seen == [
        ((8, 2), (8, 1), 2, 0),
        ((8, 2), (8, 1), 5, 32),
        (2, 7, 1, rest),
        (2, 3, 1, ["batch_size", *rest]),
    ]


def test_what_is_asked_for_and_set_by_fit_too_is_refused():
    with pytest.raises(TypeError, match="multiple values for keyword argument 'epochs'"):
        dry_run(recipe_of(SetsItsEpochs(), epochs=3), LOSS)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'epochs'"):
        dry_run(recipe_of(SetsItsEpochs()), LOSS, epochs_are_asked=True)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (None, "FatalTypeError", "must return a History, a number, a dict of numbers"),
        ("0.5", "FatalTypeError", "must return a History"),
        ([], "FatalTypeError", "must return a History"),
        (True, "FatalTypeError", "must return a History"),
        ({"val_loss": "low"}, "FatalTypeError", "must return numbers"),
        ({"loss": 1.0}, "FatalValueError", "`objective` must be one of the metrics.*: loss"),
        ([{"val_loss": 1.0}, {"loss": 1.0}], "FatalValueError", "`objective` must be one of"),
    ],
)
def test_what_is_no_result_ends_the_search(result, error, message, tmp_path):
    recipe = recipe_of(given(lambda self, *args, **kwargs: result))
    with pytest.raises(getattr(keras_tuner.errors, error), match=message):
        run(recipe, {"rate": RATES[0]}, tmp_path, LOSS)


@pytest.mark.parametrize("result", [float("nan"), {"val_loss": float("nan")}, [1.0, float("nan")]])
def test_a_score_that_is_no_number_fails_the_trial(result, tmp_path):
    recipe = recipe_of(given(lambda self, *args, **kwargs: result))
    outcome = run(recipe, {"rate": RATES[0]}, tmp_path, LOSS)
    assert outcome.status == "FAILED" and "The objective val_loss is NaN." in outcome.message


def test_executions_are_averaged(tmp_path):
    results = iter([{"val_loss": 1.0, "a": 1.0}, {"val_loss": 3.0}])
    recipe = recipe_of(given(lambda self, *args, **kwargs: next(results)))
    outcome = run(recipe, {"rate": RATES[0]}, tmp_path, LOSS, executions=2)
    assert outcome.metrics == {"val_loss": 2.0, "a": 1.0}


def test_an_error_is_tried_again_as_often_as_asked(tmp_path):
    def flaky(error):
        def fit(self, *args, **kwargs):
            tries.append(error)
            if len(tries) < 3:
                raise error
            return 1.0

        return given(fit)

    for error, count, status in (
        (OSError("away"), 3, "COMPLETED"),
        (keras_tuner.errors.FailedTrialError("too large"), 1, "FAILED"),
    ):
        tries = []
        folder = tmp_path / status
        outcome = run(recipe_of(flaky(error)), {"rate": RATES[0]}, folder, LOSS, retries=2)
        assert (outcome.status, len(tries)) == (status, count)


@pytest.mark.parametrize(
    ("kind", "objective"),
    [(ReturnsHistory, "val_loss"), (ReturnsNumber, "default_objective"), (ReturnsDict, "val_loss")],
)
def test_a_number_has_the_name_that_keras_tuner_gives_it(kind, objective):
    found = dry_run(recipe_of(kind()), None)
    assert (found["objective"], found["direction"]) == (objective, "min")
    assert objective in found["metrics"]


def test_what_fit_asks_for_joins_the_space():
    def fit(self, hp, model, *args, **kwargs):
        if hp.Boolean("shuffle", default=True):
            with hp.conditional_scope("shuffle", [True]):
                hp.Int("times", 1, 3)
        return hp.Float("scale", 0.0, 1.0)

    space = dry_run(recipe_of(given(fit)), None)["space"]["space"]
    assert [entry["config"]["name"] for entry in space] == ["rate", "shuffle", "times", "scale"]


class RulesOut(Line):
    """Leaves one of 20 configurations."""

    def build(self, hp):
        width = hp.Choice("width", list(range(20)))
        hp.Choice("kind", ["plain", "deep"])
        self.seen.append(width)
        if width in self.out:
            raise keras_tuner.errors.FailedTrialError(f"width {width} is too large")
        with hp.conditional_scope("kind", ["deep"]):
            hp.Int("depth", 1, 3)
        return super().build(hp)


def test_a_configuration_that_is_ruled_out_makes_room_for_another():
    for out in ({0}, set(range(1, 20)), set(range(10))):
        hypermodel = RulesOut()
        hypermodel.out, hypermodel.seen = out, []
        found = dry_run(recipe_of(hypermodel), LOSS)
        assert out & set(hypermodel.seen)
        assert "val_loss" in found["metrics"]
        names = [entry["config"]["name"] for entry in found["space"]["space"]]
        assert names == ["width", "kind", "depth", "rate"]


def test_where_all_are_ruled_out_that_is_told():
    hypermodel = RulesOut()
    hypermodel.out, hypermodel.seen = set(range(20)), []
    with pytest.raises(RuledOutError, match=r"Each of the \d+ configurations .* is too large"):
        dry_run(recipe_of(hypermodel), LOSS)


def test_a_space_that_only_ruled_out_configurations_lead_to_ends():
    class Hides(Line):
        def build(self, hp):
            kind = hp.Choice("kind", ["plain", "deep"])
            if kind == "deep":
                raise keras_tuner.errors.FailedTrialError("too deep")
            with hp.conditional_scope("kind", ["deep"]):
                hp.Int("depth", 1, 3)
            return super().build(hp)

    assert "val_loss" in dry_run(recipe_of(Hides()), LOSS)["metrics"]


def test_hyperparameters_that_are_declared_beforehand():
    class Declares(Line):
        def declare_hyperparameters(self, hp):
            hp.Choice("declared", [1, 2])

    found = dry_run(recipe_of(Declares(tunable=False)), LOSS)
    assert [entry["config"]["name"] for entry in found["space"]["space"]] == ["declared"]


@pytest.mark.parametrize("made", [None, 3, "model", object()])
def test_what_is_no_model_is_refused(made):
    class Makes(Line):
        def build(self, hp):
            return made

    with pytest.raises(keras_tuner.errors.FatalTypeError, match=r"must return a keras\.Model"):
        dry_run(recipe_of(Makes()), LOSS)


def test_a_fatal_error_is_no_ending(tmp_path):
    def fit(self, *args, **kwargs):
        raise keras_tuner.errors.FatalRuntimeError("no licence")

    with pytest.raises(keras_tuner.errors.FatalRuntimeError, match="no licence"):
        run(recipe_of(given(fit)), {"rate": RATES[0]}, tmp_path, LOSS, retries=3)
