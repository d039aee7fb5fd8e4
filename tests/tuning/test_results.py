"""What a search leaves: tables, pages, models and logs."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata

from keras_dlnotes import tasks, tuning
from keras_dlnotes.tuning.records import TrialRecord, write_table
from tests.tuning.in_process import stay_in_process


@pytest.fixture(scope="module")
def twice(search_table, tmp_path_factory):
    """A search with two executions of each trial, in this process."""
    directory = tmp_path_factory.mktemp("twice") / "search"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stay_in_process(monkeypatch)
        return search_table(directory, max_trials=2, executions_per_trial=2), directory


def test_each_execution_has_rows_and_their_mean_is_the_score(twice):
    results, _ = twice
    frame = results.to_frame()
    assert frame["execution"].tolist() == [0, 0, 1, 1] * 2
    best = frame.groupby(["trial", "execution"])["val_loss"].min().groupby("trial").mean()
    assert results.best_score == pytest.approx(best.min(), rel=1e-12)
    seeds = frame[frame["epoch"] == 1].groupby("trial")["loss"].nunique()
    assert (seeds == 2).all()


def test_results_are_read_from_the_folder_alone(twice):
    results, directory = twice
    again = tuning.Results(directory)
    assert again.to_frame().equals(results.to_frame())
    assert again.best_hyperparameters["units"] == results.best_hyperparameters["units"]
    assert isinstance(again.best_hyperparameters, keras_tuner.HyperParameters)
    with pytest.raises(ValueError, match="`recipe`"):
        again.best_model()
    with pytest.raises(FileNotFoundError, match="holds no search"):
        tuning.Results(directory / "trial_0")


def test_json_and_csv(twice, tmp_path):
    results, _ = twice
    content = json.loads(results.to_json(tmp_path / "results.json"))
    assert [trial["trial"] for trial in content["trials"]] == ["0", "1"]
    assert len(content["trials"][0]["executions"]["1"]) == 2
    results.to_csv(tmp_path / "results.csv")
    assert (tmp_path / "results.csv").read_text().startswith("trial,status,execution,epoch,")


def test_whole_numbers_stay_whole_in_the_csv(tmp_path):
    trials = [
        TrialRecord("0", {"hidden": True, "units": 32}, None, {0: [{"loss": 0.5}]}),
        TrialRecord("1", {"hidden": False}, None),
    ]
    write_table(tmp_path / "results.csv", trials)
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "trial,status,execution,epoch,loss,hidden,units",
        "0,RUNNING,0,1,0.5,True,32",
        "1,RUNNING,0,,,False,",
    ]


@pytest.mark.thorough
def test_retraining_on_all_data(twice, table):
    results, _ = twice
    model = results.retrain(epochs=20)
    assert model.optimizer.iterations == 20 * 3  # 96 examples in batches of 32
    loss, _ = model.evaluate(*table[1], verbose=0)
    assert loss < results.best_score
    again = results.retrain(epochs=1).get_weights()
    np.testing.assert_array_equal(again[0], results.retrain(epochs=1).get_weights()[0])


@pytest.mark.thorough
def test_the_page_shows_the_best_model(twice, tmp_path):
    results, _ = twice
    results.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for text in (
        "Search: build",
        "2 trials for the lowest val_loss",
        "The best model",
        "Learning curves",
        "Costs",
    ):
        assert text in page


def test_tensorboard_gets_hyperparameters_and_ends(twice):
    _, directory = twice

    def contents(folder):
        return [
            metadata.parse_experiment_plugin_data(value.metadata.plugin_data.content)
            if value.tag == metadata.EXPERIMENT_TAG
            else value.tag
            for file in folder.glob("events.out.*")
            for event in EventFileLoader(str(file)).Load()
            for value in event.summary.value
        ]

    (experiment,) = contents(directory)
    assert [info.name for info in experiment.hparam_infos] == ["units", "learning_rate"]
    assert {info.display_name for info in experiment.metric_infos} == {
        "loss",
        "mae",
        "val_loss",
        "val_mae",
    }
    for execution in range(2):
        tags = contents(directory / f"trial_1/execution_{execution}/logs")
        assert tags == [metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG]


@pytest.mark.thorough
def test_mlflow_gets_each_trial_once(twice, search_table, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = tmp_path.joinpath("runs").as_uri()
    trial_logger = tuning.MLflowLogger("table", store)
    results, directory = twice
    for _ in range(2):
        search_table(directory, max_trials=2, executions_per_trial=2, loggers=[trial_logger])
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("table").experiment_id
    runs = sorted(client.search_runs([experiment]), key=lambda run: run.info.run_name)
    assert [run.info.run_name for run in runs] == ["trial 0", "trial 1"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    frame = results.to_frame()
    for run in runs:
        rows = frame[frame["trial"] == run.info.run_name.removeprefix("trial ")]
        assert float(run.data.params["learning_rate"]) == rows["learning_rate"].iloc[0]
        history = client.get_metric_history(run.info.run_id, "val_loss")
        assert [point.step for point in history] == [1, 2]
        expected = rows.loc[rows["execution"] == 0, "val_loss"]
        assert [point.value for point in history] == pytest.approx(list(expected))


def small_space(hp):
    hp.Boolean("dropped", default=True)
    with hp.conditional_scope("dropped", [True]):
        dropout = hp.Choice("dropout", [0.1, 0.2])
    return {
        "filters": (hp.Choice("filters", [4, 8]),),
        "dropout": dropout or 0.0,
        "hidden": (),
        "batch_size": hp.Choice("batch_size", [256, 512]),
        "learning_rate": 1e-2,
    }


@pytest.mark.slow
def test_a_hyperband_of_a_task_goes_on_with_the_weights_of_the_best(tmp_path):
    results = tuning.search(
        "digits", "hyperband", 4, space=small_space, epochs=3, directory=tmp_path / "search"
    )
    frame = results.to_frame()
    later = frame[frame["tuner/initial_epoch"] > 0]
    assert len(later)
    for _, rows in later.groupby("trial"):
        assert rows["epoch"].tolist() == [1, 2, 3]
        ancestor = frame[frame["trial"] == str(rows["tuner/trial_id"].iloc[0])]
        assert rows["val_loss"].iloc[0] == ancestor["val_loss"].iloc[0]
    assert "dropped" in results.best_hyperparameters
    model = results.best_model()
    assert model.optimizer.learning_rate is not None
    splits = tasks.get("digits").prepare("digits")
    loss, _ = model.evaluate(*splits.validation, verbose=0)
    assert loss == pytest.approx(results.best_score, rel=1e-4)
    results.to_html(tmp_path / "page.html")
    assert "Confusion matrix" in (tmp_path / "page.html").read_text()
    assert isinstance(model, keras.Model)
