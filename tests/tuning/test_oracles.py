"""The oracles, without training: a process that dies at any of its writes loses nothing."""

import json
import os

import keras_tuner
import pytest

from keras_dlnotes.tuning.folder import COMPLETED, TrialOutcome, trial_path, write_outcome
from keras_dlnotes.tuning.oracles import ORACLES, make_oracle

OBJECTIVE = keras_tuner.Objective("val_loss", "min")
TRIALS = 6


class KilledError(BaseException):
    """Stands for SIGKILL."""


def space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["plain"]):
        hp.Int("width", 1, 5, default=4)
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("depth", 2, 4)
    hp.Float("rate", 1e-3, 1e-1, sampling="log", step=10, default=1e-2)
    return hp


def oracle_in(folder, tuner, **arguments):
    (folder / "search").mkdir(exist_ok=True)
    oracle = make_oracle(
        tuner,
        OBJECTIVE,
        space(),
        max_trials=TRIALS,
        epochs=9,
        seed=0,
        folder=folder / "search",
        arguments={"num_initial_points": 5} if tuner == "bayesian" else {},
    )
    oracle._set_project_dir(str(folder), "search")
    for name, value in arguments.items():
        setattr(oracle, name, value)
    oracle.reload()
    return oracle


def loss_of(values):
    return values["rate"] + 0.1 * values.get("depth", 0)


def run(oracle, worker="worker0"):
    """Trains nothing, but asks and answers as a worker does, until there is nothing left."""
    while (trial := oracle.create_trial(worker)).status == "RUNNING":
        values = trial.hyperparameters.values
        if not (trial_path(oracle.folder, trial.trial_id) / "ending.json").exists():
            config = trial.hyperparameters.get_config()
            outcome = TrialOutcome(COMPLETED, config, metrics(values), 0)
            write_outcome(oracle.folder, trial.trial_id, outcome)
        oracle.end_trial(trial)
    assert trial.status == "STOPPED"


def metrics(values):
    return {"val_loss": loss_of(values)}


def configurations(oracle):
    return [oracle.trials[name].hyperparameters.values for name in oracle.start_order]


def records(folder):
    found = {}
    for path in folder.glob("search/trial_*/trial.json"):
        content = path.read_bytes()
        if json.loads(content)["status"] == "COMPLETED":
            found[path] = content
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(
    "tuner",
    [pytest.param(tuner, marks=() if tuner == "random" else pytest.mark.slow) for tuner in ORACLES],
)
def test_a_chief_killed_at_any_write_goes_on_as_if_left_alone(tuner, tmp_path, monkeypatch):
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    alone = oracle_in(undisturbed, tuner)
    run(alone)
    assert len(alone.start_order) == TRIALS

    replace = os.replace
    for kill_at in range(1, 60, 9 if tuner == "bayesian" else 1):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        writes = iter(range(1, kill_at + 1))

        def dying_replace(source, target, writes=writes):
            if next(writes, None) is None:
                raise KilledError
            replace(source, target)

        monkeypatch.setattr(os, "replace", dying_replace)
        try:
            run(oracle_in(folder, tuner))
            break  # it had fewer writes
        except KilledError:
            pass
        finally:
            monkeypatch.setattr(os, "replace", replace)
        before = records(folder)
        oracle = oracle_in(folder, tuner)
        run(oracle)
        assert configurations(oracle) == configurations(alone) or tuner == "bayesian"
        assert len(oracle.start_order) == TRIALS
        assert sorted(oracle.end_order) == oracle.start_order
        assert before.items() <= records(folder).items()
        assert not oracle.ongoing_trials and not oracle._retry_queue
    else:
        assert kill_at > 50  # it was killed at every one of these


@pytest.mark.parametrize("tuner", ORACLES)
def test_the_first_trial_is_the_default(tuner, tmp_path):
    trial = oracle_in(tmp_path, tuner).create_trial("worker0")
    values = {key: value for key, value in trial.hyperparameters.values.items() if "/" not in key}
    assert values == {"kind": "plain", "width": 4, "rate": 1e-2}


def test_a_grid_gives_every_worker_a_trial_at_once(tmp_path):
    oracle = oracle_in(tmp_path, "grid")
    trials = [oracle.create_trial(f"worker{number}") for number in range(4)]
    assert {trial.status for trial in trials} == {"RUNNING"}
    values = [json.dumps(trial.hyperparameters.values, sort_keys=True) for trial in trials]
    assert len(set(values)) == 4


def test_a_grid_is_the_whole_grid_and_the_same_for_two_workers(tmp_path):
    found = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        oracle = oracle_in(folder, "grid", max_trials=None)
        at_work = {}
        while True:
            for number in range(workers):
                trial = oracle.create_trial(f"worker{number}")
                if trial.status == "RUNNING":
                    at_work[number] = trial
            if not at_work:
                break
            for trial in at_work.values():
                outcome = TrialOutcome(
                    COMPLETED,
                    trial.hyperparameters.get_config(),
                    metrics(trial.hyperparameters.values),
                )
                write_outcome(oracle.folder, trial.trial_id, outcome)
                oracle.end_trial(trial)
            at_work = {}
        found.append({json.dumps(values, sort_keys=True) for values in configurations(oracle)})
        assert len(oracle.start_order) == len(found[-1]) == 24  # (5 widths + 3 depths) · 3 rates
    assert found[0] == found[1]


def test_the_seed_zero_is_a_seed(tmp_path):
    values = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        oracle = oracle_in(tmp_path / name, "random")
        run(oracle)
        values.append(configurations(oracle))
    assert values[0] == values[1]


def test_a_worker_that_comes_back_gets_its_trial(tmp_path):
    oracle = oracle_in(tmp_path, "random")
    first = oracle.create_trial("worker0")
    assert oracle.create_trial("worker0").trial_id == first.trial_id
    again = oracle_in(tmp_path, "random", keep_ongoing=True)
    assert again.create_trial("worker1").trial_id != first.trial_id
    assert again.create_trial("worker0").trial_id == first.trial_id


def test_a_lost_worker_s_trial_is_for_the_next(tmp_path):
    oracle = oracle_in(tmp_path, "random")
    first = oracle.create_trial("worker0")
    oracle.release("worker0")
    assert oracle.create_trial("worker1").trial_id == first.trial_id


def test_an_ended_trial_cannot_end_again(tmp_path):
    oracle = oracle_in(tmp_path, "random")
    trial = oracle.create_trial("worker0")
    outcome = TrialOutcome(COMPLETED, trial.hyperparameters.get_config(), {"val_loss": 1.0})
    write_outcome(oracle.folder, trial.trial_id, outcome)
    oracle.end_trial(trial)
    before = records(tmp_path)
    oracle.end_trial(trial)
    assert records(tmp_path) == before and oracle.end_order == [trial.trial_id]


@pytest.mark.parametrize("tuner", ORACLES)
@pytest.mark.parametrize("names", [["oracle.json"], ["oracle.json", "oracle-spare.json"]])
def test_a_truncated_oracle_file_is_set_aside(tuner, names, tmp_path, caplog):
    oracle = oracle_in(tmp_path, tuner)
    first = oracle.create_trial("worker0")
    outcome = TrialOutcome(COMPLETED, first.hyperparameters.get_config(), {"val_loss": 1.0})
    write_outcome(oracle.folder, first.trial_id, outcome)
    oracle.end_trial(first)
    interrupted = oracle.create_trial("worker0")
    before = records(tmp_path)
    for name in names:
        path = tmp_path / "search" / name
        path.write_bytes(path.read_bytes()[:100])
    again = oracle_in(tmp_path, tuner)
    assert "oracle.json.corrupt-1" in caplog.text
    assert records(tmp_path) == before
    assert again.create_trial("worker0").trial_id == interrupted.trial_id


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_truncated_trial_comes_back(has_ended, tmp_path, caplog):
    oracle = oracle_in(tmp_path, "random")
    trial = oracle.create_trial("worker0")
    values = trial.hyperparameters.values
    if has_ended:
        outcome = TrialOutcome(COMPLETED, trial.hyperparameters.get_config(), {"val_loss": 1.0})
        write_outcome(oracle.folder, trial.trial_id, outcome)
        oracle.end_trial(trial)
    else:
        run_folder = trial_path(oracle.folder, trial.trial_id) / "execution_0"
        run_folder.mkdir()
        content = {"format": "", "settings": {"hyperparameters": values}}
        (run_folder / "run.json").write_text(json.dumps(content))
    (trial_path(oracle.folder, trial.trial_id) / "trial.json").write_text('{"trial_')
    again = oracle_in(tmp_path, "random")
    assert "trial.json.corrupt-1" in caplog.text
    assert again.trials[trial.trial_id].hyperparameters.values == values
    assert (again.trials[trial.trial_id].status == "COMPLETED") == has_ended
    assert (again.create_trial("worker0").trial_id == trial.trial_id) != has_ended
