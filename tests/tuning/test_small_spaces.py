"""Spaces of few configurations: each is tried, and Hyperband's best has all its epochs."""

import itertools

import keras
import keras_tuner
import pytest
from keras_tuner.oracles import HyperbandOracle

from keras_dlnotes.tuning.configurations import configurations
from keras_dlnotes.tuning.durable import Durable
from keras_dlnotes.tuning.folder import COMPLETED, FAILED, TrialOutcome, write_outcome
from keras_dlnotes.tuning.formats import HyperbandState
from keras_dlnotes.tuning.oracles import ORACLES, make_oracle
from keras_dlnotes.tuning.records import TrialRecord
from keras_dlnotes.tuning.remarks import remarks_on

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def space_of(count):
    hp = keras_tuner.HyperParameters()
    hp.Int("width", 1, count)
    return hp


def oracle_in(folder, tuner, space, *, epochs=10, max_trials=None, **arguments):
    (folder / "search").mkdir(exist_ok=True)
    oracle = make_oracle(
        tuner,
        OBJECTIVE,
        space,
        max_trials=max_trials,
        epochs=epochs,
        seed=0,
        folder=folder / "search",
        arguments=arguments,
    )
    oracle._set_project_dir(str(folder), "search")
    oracle.reload()
    return oracle


def run(oracle, workers=1, fails=lambda values: False):
    """Asks and answers as workers do; returns the values of the trials in their order."""
    working, stopped, found = {}, set(), []
    for name in itertools.cycle(range(workers)):
        if name in working:
            trial = working.pop(name)
            values = trial.hyperparameters.values
            status = FAILED if fails(values) else COMPLETED
            metrics = {} if status == FAILED else {"val_loss": values["width"] / 1.0}
            message = "ruled out" if status == FAILED else None
            outcome = TrialOutcome(status, trial.hyperparameters.get_config(), metrics, 0, message)
            write_outcome(oracle.folder, trial.trial_id, outcome)
            oracle.end_trial(trial)
        trial = oracle.create_trial(f"worker{name}")
        if trial.status == "RUNNING":
            working[name] = trial
            found.append(dict(trial.hyperparameters.values))
        elif trial.status == "STOPPED":
            stopped.add(name)
        if len(stopped) == workers:
            return found


def epochs_of(found):
    return [values["tuner/epochs"] for values in found]


@pytest.mark.parametrize("workers", [1, 3])
def test_hyperband_promotes_the_best_of_few_to_all_epochs(workers, tmp_path):
    oracle = oracle_in(tmp_path, "hyperband", space_of(8))
    found = run(oracle, workers)
    assert epochs_of(found).count(2) == 8 and epochs_of(found)[-1] == 10
    assert [values["width"] for values in found if values["tuner/epochs"] == 4] == [1, 2, 3]
    assert [values["width"] for values in found if values["tuner/epochs"] == 10] == [1]
    assert oracle.planned_trials() == len(found) == 12


@pytest.mark.parametrize("count", [1, 2, 9])
def test_hyperband_ends_with_all_epochs_whatever_the_space(count, tmp_path):
    oracle = oracle_in(tmp_path, "hyperband", space_of(count), hyperband_iterations=2)
    found = run(oracle)
    assert {values["width"] for values in found} == set(range(1, count + 1))
    assert max(epochs_of(found)) == 10
    assert oracle.planned_trials() == len(found)


def test_hyperband_goes_on_with_those_that_do_not_fail(tmp_path):
    oracle = oracle_in(tmp_path, "hyperband", space_of(8))
    found = run(oracle, fails=lambda values: values["width"] not in (5, 7))
    assert [values["width"] for values in found if values["tuner/epochs"] == 10] == [5]


class Theirs(Durable, HyperbandOracle):
    """KerasTuner's own Hyperband, but for the files and the default as its first trial."""

    record = HyperbandState


def test_a_space_without_end_is_gone_through_as_by_keras_tuner(tmp_path, monkeypatch):
    hp = space_of(3)
    hp.Float("rate", 0.0, 1.0)
    found = []
    for name, kind in (("ours", ORACLES["hyperband"]), ("theirs", Theirs)):
        monkeypatch.setitem(ORACLES, "hyperband", kind)
        (tmp_path / name).mkdir()
        found.append(run(oracle_in(tmp_path / name, "hyperband", hp.copy(), factor=2)))
    assert found[0] == found[1] and len(found[0]) > 20


@pytest.mark.parametrize("count", [8, 17])
def test_a_hyperband_whose_own_files_are_lost_goes_on_in_its_brackets(count, tmp_path):
    (tmp_path / "alone").mkdir()
    alone = run(oracle_in(tmp_path / "alone", "hyperband", space_of(count)))
    oracle = oracle_in(tmp_path, "hyperband", space_of(count), max_trials=10)
    run(oracle)
    for path in oracle.folder.glob("oracle*.json"):
        path.unlink()
    rest = run(oracle_in(tmp_path, "hyperband", space_of(count)))
    assert len(rest) == len(alone) - 10 and max(epochs_of(rest)) == 10
    assert epochs_of(rest) == epochs_of(alone)[10:]


def test_random_search_misses_none_of_few(tmp_path):
    oracle = oracle_in(tmp_path, "random", space_of(30), max_trials=100)
    assert oracle.planned_trials() == 30
    assert sorted(values["width"] for values in run(oracle)) == list(range(1, 31))


def test_a_space_of_nothing_has_one_configuration(tmp_path):
    oracle = oracle_in(tmp_path, "hyperband", keras_tuner.HyperParameters())
    trial = oracle.create_trial("worker0")
    assert trial.status == "RUNNING" and configurations(oracle.get_space()) == [{}]


def test_configurations_are_counted():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["plain"]):
        hp.Int("width", 1, 9, step=4, default=5)
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("depth", 1, 8, step=2, sampling="log")
        hp.Boolean("skips")
    hp.Fixed("other", 3)
    found = configurations(hp)
    assert len(found) == 3 + 4 * 2
    assert {values.get("depth") for values in found} == {None, 1, 2, 4, 8}
    hp.Float("step", 0.0, 0.5, step=0.25, default=0.1)  # a default that is never drawn
    assert len(configurations(hp)) == 3 * (3 + 4 * 2) + 1
    assert configurations(hp, limit=20) is None
    hp.Int("many", 1, 10**12)
    assert configurations(hp) is None


def test_a_bracket_that_max_trials_cuts_short_is_told(tmp_path):
    hp = space_of(3)
    hp.Float("rate", 0.0, 1.0)
    oracle = oracle_in(tmp_path, "hyperband", hp, max_trials=6)
    assert "max_trials=6 ends Hyperband within its first bracket of" in oracle.warning()
    oracle.max_trials = oracle.first_bracket()
    assert oracle.warning() is None
    assert max(epochs_of(run(oracle))) == 10


def trials_of(*values):
    outcome = TrialOutcome(COMPLETED, {"space": [], "values": {}})
    return [TrialRecord(str(number), one, outcome) for number, one in enumerate(values)]


def test_what_a_search_that_ended_early_says():
    settings = {"epochs": 10, "max_trials": None, "space": space_of(2).get_config()}
    short = trials_of({"width": 1, "tuner/epochs": 2}, {"width": 2, "tuner/epochs": 2})
    tried = "All 2 configurations of the space were tried."
    longest = "The longest trial had 2 of 10 epochs"
    assert remarks_on(settings, short, True) == [longest + ".", tried]
    cut = f"{longest}, since max_trials=2 is less than Hyperband's first bracket needs."
    assert remarks_on(settings | {"max_trials": 2}, short, True) == [cut, tried]
    assert remarks_on(settings, trials_of({"width": 1, "tuner/epochs": 10}), True) == []
    assert remarks_on(settings | {"space": None}, trials_of({"width": 1}), True) == []


def test_a_search_that_ends_before_its_number_of_trials_says_why():
    settings = {"epochs": 10, "max_trials": 4, "space": None, "tuner_arguments": {}}
    trials = trials_of({"width": 1}, {"width": 2})
    ended = "The search ended after 2 of 4 trials, since "
    for tuner, why in (
        ("random", "the tuner found no further configuration."),
        (
            "hyperband",
            "Hyperband's brackets for 10 epochs have no more; they were run once "
            "(hyperband_iterations=1).",
        ),
    ):
        assert remarks_on(settings | {"tuner": tuner}, trials, True) == [ended + why]
        assert remarks_on(settings | {"tuner": tuner}, trials, False) == []
        assert remarks_on(settings | {"tuner": tuner, "max_trials": 2}, trials, True) == []


@pytest.mark.thorough
def test_a_search_tells_that_it_has_tried_all(search_table, tmp_path, caplog):
    def build(hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        rate = hp.Choice("learning_rate", [0.1, 0.2])
        model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
        return model

    arguments = {"hypermodel": build, "epochs": 3}
    results = search_table(tmp_path / "cut", "hyperband", max_trials=2, **arguments)
    assert "max_trials=2 ends Hyperband within its first bracket of 3 trials" in caplog.text
    assert "2 of 2 trials completed. The longest trial had 1 of 3 epochs, since" in repr(results)
    results = search_table(tmp_path / "cut", "hyperband", max_trials=9, **arguments)
    assert results.remarks[0] == "All 2 configurations of the space were tried."
    assert results.remarks[1].startswith("The search ended after 3 of 9 trials, since Hyperband's")
    assert results.to_frame()["epoch"].max() == 3 and len(results.failures) == 0
    assert results.best_trial == "2"
    results.to_html(tmp_path / "page.html")
    assert results.remarks[0] in (tmp_path / "page.html").read_text()
