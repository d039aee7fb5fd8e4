"""Trials of hypermodels with a `fit` of their own, beside KerasTuner's own tuner."""

import keras
import keras_tuner
import pytest

from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.tuning.fit_results import read_fit_result
from tests.tuning.custom_fits import (
    INPUTS,
    KINDS,
    LOSS,
    OBJECTIVES,
    RATES,
    TARGETS,
    VALIDATION,
    HidesCallbacks,
    OwnLoop,
    ReturnsBest,
    ReturnsDict,
    ReturnsHistory,
    ReturnsList,
    ReturnsNumber,
    ReturnsTheFirst,
    SetsItsEpochs,
    TrainsTwice,
    loss_of,
    recipe_of,
    run,
)

SLOW = {SetsItsEpochs, ReturnsTheFirst, ReturnsList, ReturnsBest, HidesCallbacks}
KILLED = {ReturnsHistory, SetsItsEpochs, ReturnsBest, TrainsTwice}
SOME_SLOW = [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS]


@pytest.mark.sampled
@pytest.mark.parametrize("kind", SOME_SLOW)
def test_the_score_is_that_of_keras_tuner(kind, tmp_path):
    objective = OBJECTIVES.get(kind, LOSS)
    tuner = keras_tuner.GridSearch(kind(), objective, directory=tmp_path, project_name="theirs")
    epochs = {} if kind is SetsItsEpochs else {"epochs": 3}
    quiet = {} if kind is ReturnsDict else {"verbose": 0}
    tuner.search(INPUTS, TARGETS, validation_data=VALIDATION, **epochs, **quiet)
    theirs = list(tuner.oracle.trials.values())
    assert len(theirs) >= len(RATES)
    objective = tuner.oracle.objective
    for number, trial in enumerate(theirs):
        values = dict(trial.hyperparameters.values)
        outcome = run(recipe_of(kind(), **epochs), values, tmp_path, objective, number)
        assert outcome.message is None
        assert outcome.metrics[objective.name] == pytest.approx(trial.score, rel=1e-5)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("kind", "is_plain", "epochs"),
    [
        (ReturnsHistory, True, 3),
        (TrainsTwice, False, 1),
        (ReturnsTheFirst, False, 3),
        (ReturnsBest, False, 1),
        (ReturnsDict, False, 1),
        (OwnLoop, False, 1),
    ],
)
def test_the_weights_are_those_of_the_score(kind, is_plain, epochs, tmp_path):
    recipe = recipe_of(kind(), epochs=3) if kind is not ReturnsDict else recipe_of(kind())
    objective = OBJECTIVES.get(kind, LOSS)
    outcome = run(recipe, {"rate": RATES[1]}, tmp_path, objective)
    path = tmp_path / "trial_0" / "execution_0"
    checkpoints = Checkpoints(path / "checkpoints")
    state = checkpoints.read()
    assert len(state.history) == epochs
    assert state.history[state.early_stopping["best_epoch"]] == outcome.metrics
    found = read_fit_result(path)
    assert (found.is_plain, found.has_weights) == (is_plain, True)
    model = recipe.build(keras_tuner.HyperParameters(), recipe.load())
    checkpoints.restore_best(model, state)
    expected = outcome.metrics.get("val_loss")
    assert loss_of(model) == pytest.approx(expected, rel=1e-5)


def test_weights_that_nobody_saved_are_not_taken_for_the_best(tmp_path):
    class Overshoots(HidesCallbacks):
        def fit(self, hp, model, *args, **kwargs):
            hp.get("rate")
            model.optimizer.learning_rate = 3.0  # so the loss grows
            return super().fit(hp, model, *args, **kwargs)

    for kind, has_weights in ((HidesCallbacks, True), (Overshoots, False)):
        run(recipe_of(kind()), {"rate": RATES[0]}, tmp_path / kind.__name__, LOSS)
        path = tmp_path / kind.__name__ / "trial_0" / "execution_0"
        assert read_fit_result(path).has_weights == has_weights


class Killed(BaseException):
    """Stands for SIGKILL."""


def dies(kind, epoch):
    """The same hypermodel, whose process is killed at the end of that epoch."""

    class Dies(kind):
        def fit(self, hp, model, *args, callbacks, **kwargs):
            def kill(number, logs):
                if number == epoch:
                    raise Killed

            killer = keras.callbacks.LambdaCallback(on_epoch_end=kill)
            return super().fit(hp, model, *args, callbacks=[*callbacks, killer], **kwargs)

    return Dies


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", [kind for kind in SOME_SLOW if kind.values[0] in KILLED])
def test_a_killed_trial_ends_as_if_left_alone(kind, tmp_path):
    values = {"rate": RATES[0]} | ({"epochs": 3} if kind is SetsItsEpochs else {})
    epochs = {} if kind is SetsItsEpochs else {"epochs": 3}
    alone = run(recipe_of(kind(), **epochs), values, tmp_path / "alone", LOSS)
    with pytest.raises(Killed):
        run(recipe_of(dies(kind, 1)(), **epochs), values, tmp_path / "killed", LOSS)

    begun = []

    class Counts(kind):
        def fit(self, hp, model, *args, callbacks, **kwargs):
            note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: begun.append(e))
            return super().fit(hp, model, *args, callbacks=[*callbacks, note], **kwargs)

    again = run(recipe_of(Counts(), **epochs), values, tmp_path / "killed", LOSS)
    assert again.metrics == pytest.approx(alone.metrics)
    is_plain = read_fit_result(tmp_path / "killed" / "trial_0" / "execution_0").is_plain
    if is_plain:
        assert begun == [2]  # from its last epoch
    else:
        assert begun[-3:] == [0, 1, 2] or begun[-4:] == [0, 1, 2, 0]  # as a whole
    assert run(recipe_of(Counts(), **epochs), values, tmp_path / "killed", LOSS).metrics == (
        again.metrics
    )


@pytest.mark.thorough
def test_a_promoted_trial_goes_on(tmp_path):
    for kind in (ReturnsHistory, ReturnsNumber):
        folder = tmp_path / kind.__name__
        rungs = {"tuner/epochs": 2, "tuner/initial_epoch": 0}
        objective = LOSS if kind is ReturnsHistory else keras_tuner.Objective("mine", "min")
        run(recipe_of(kind(), epochs=4), {"rate": RATES[0], **rungs}, folder, objective)
        rungs = {"tuner/epochs": 4, "tuner/initial_epoch": 2, "tuner/trial_id": "0"}
        values = {"rate": RATES[0], **rungs}
        promoted = run(recipe_of(kind(), epochs=4), values, folder, objective, number=1)
        whole = run(recipe_of(kind(), epochs=4), {"rate": RATES[0]}, folder, objective, number=2)
        assert promoted.metrics == pytest.approx(whole.metrics, rel=1e-5)
