"""Each argument of KerasTuner's oracles is taken and does what it is for, or is refused by name."""

import inspect
import json

import keras_tuner
import pytest

from keras_dlnotes.tuning.oracles import ORACLES, make_oracle
from keras_dlnotes.tuning.parzen import ParzenOracle
from keras_dlnotes.tuning.preflight import dry_run
from keras_dlnotes.tuning.tuner_arguments import CHECKS, OWN, oracle_arguments
from tests import bad_calls
from tests.tuning.custom_fits import LOSS, Line, given, recipe_of

FURTHER = {
    "hyperparameters": (keras_tuner.HyperParameters(), bad_calls.without(bad_calls.CHOICE, None)),
    "tune_new_entries": (True, bad_calls.FLAG),
    "allow_new_entries": (True, bad_calls.FLAG),
    "max_retries_per_trial": (2, (*bad_calls.INDEX, 2**40)),
    "factor": (4, (*bad_calls.COUNT, 1)),
    "hyperband_iterations": (2, bad_calls.COUNT),
    "num_initial_points": (3, bad_calls.without(bad_calls.COUNT, None)),
    "alpha": (0.5, (*bad_calls.NOT_NEGATIVE, 0, 0.0)),
    "beta": (1.5, bad_calls.NOT_NEGATIVE),
}


def arguments_of(tuner):
    """The arguments that KerasTuner's own oracle takes."""
    oracle = next(
        base
        for base in ORACLES[tuner].__mro__
        if base is ParzenOracle or base.__module__.startswith("keras_tuner")
    )
    return [*inspect.signature(oracle.__init__).parameters][1:]


@pytest.mark.parametrize("tuner", ORACLES)
def test_every_argument_is_known(tuner):
    assert set(arguments_of(tuner)) <= FURTHER.keys() | OWN.keys()
    assert FURTHER.keys() == CHECKS.keys()


@pytest.mark.parametrize("tuner", ORACLES)
def test_each_is_taken_or_refused(tuner):
    for name in arguments_of(tuner):
        if name in OWN:
            with pytest.raises(ValueError, match=f"`search` has the argument `{OWN[name]}`"):
                oracle_arguments(tuner, {name: 3}, LOSS, epochs=9)
            continue
        right, wrong = FURTHER[name]
        found = oracle_arguments(tuner, {name: right}, LOSS, epochs=9)
        assert json.loads(json.dumps(found)) == found and found.keys() == {name}
        for value in wrong:
            with pytest.raises(ValueError, match=r"`tuner_arguments\["):
                oracle_arguments(tuner, {name: value}, LOSS, epochs=9)
    for name in FURTHER.keys() - set(arguments_of(tuner)):
        with pytest.raises(ValueError, match=f"which '{tuner}' takes"):
            oracle_arguments(tuner, {name: FURTHER[name][0]}, LOSS, epochs=9)


@pytest.mark.parametrize("tuner", ORACLES)
def test_the_oracle_has_what_it_is_given(tuner, tmp_path):
    names = set(arguments_of(tuner)) - OWN.keys() - {"hyperparameters", "max_retries_per_trial"}
    given = {name: FURTHER[name][0] for name in names}
    space = keras_tuner.HyperParameters()
    shared = {"max_trials": 3, "epochs": 9, "seed": 0, "folder": tmp_path}
    oracle = make_oracle(tuner, LOSS, space, **shared, arguments=given)
    assert {name: getattr(oracle, name) for name in names} == given


def listing():
    """Another range of the rate, and an entry that the model does not ask for."""
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.1, 0.3, default=0.2)
    hp.Fixed("other", 7)
    return hp


def preflight(recipe, **arguments):
    arguments = {"hyperparameters": listing(), **arguments}
    arguments = oracle_arguments("random", arguments, LOSS, epochs=9)
    return dry_run(recipe, LOSS, arguments)["space"]["space"]


def names(space):
    return [entry["config"]["name"] for entry in space]


class Asks(Line):
    def build(self, hp):
        hp.Int("width", 1, 5)
        self.seen.append((hp.get("rate") if "rate" in hp else None, hp.get("width")))
        return super().build(hp)


def test_listed_hyperparameters_take_the_place_of_the_model_s():
    hypermodel = Asks()
    hypermodel.seen = []
    space = preflight(recipe_of(hypermodel))
    assert names(space) == ["rate", "other", "width"]
    assert space[0]["class_name"] == "Float" and space[0]["config"]["max_value"] == 0.3
    assert all(0.1 <= rate <= 0.3 for rate, _ in hypermodel.seen)
    assert len({width for _, width in hypermodel.seen}) > 1


def test_others_keep_their_defaults():
    hypermodel = Asks()
    hypermodel.seen = []
    assert names(preflight(recipe_of(hypermodel), tune_new_entries=False)) == ["rate", "other"]
    assert {width for _, width in hypermodel.seen} == {1}
    assert len({rate for rate, _ in hypermodel.seen}) > 1


def test_others_are_refused():
    hypermodel = Asks()
    hypermodel.seen = []
    with pytest.raises(ValueError, match=r"`tuner_arguments` must be .* it also asks for width"):
        preflight(recipe_of(hypermodel), allow_new_entries=False)
    assert names(preflight(recipe_of(Line()), allow_new_entries=False)) == ["rate", "other"]

    def fit(self, hp, model, *args, **kwargs):
        return hp.Float("late", 0.0, 1.0)

    with pytest.raises(ValueError, match="it also asks for late"):
        preflight(recipe_of(given(fit)), allow_new_entries=False)
