"""A fit from Python: what it returns and leaves, and what it refuses."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_dlnotes import tasks
from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.runs.records import checksum
from tests.backends import only_on

SMALL = replace(
    tasks.get("digits"),
    arguments={"filters": (4, 8), "hidden": (), "shift": 0.1, "dropout": 0.2},
    learning_rate=0.01,
)

QUICK = replace(SMALL, pictures=lambda outcome: ())

has_strategies = only_on("tensorflow", "jax", reason="Keras has no strategies elsewhere")


def fit(out, task=SMALL, **options):
    return tasks.fit(task, out, quiet=True, **{"epochs": 2, "batch_size": 64} | options)


def without_seconds(result):
    return {name: value for name, value in result.metrics.items() if name != "seconds"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("finished"))


def test_the_folder_holds_all_results(finished):
    names = {entry.name for entry in finished.folder.iterdir() if not entry.name.startswith(".")}
    results = {"model.keras", "history.csv", "metrics.json", "report.html"}
    assert names == results | {"logs", "run.json", "checkpoints"}
    assert finished.report == finished.folder / "report.html"


def test_metrics_say_what_was_measured_and_how(finished):
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert metrics == finished.metrics | {"checksum": checksum(finished.metrics)}
    assert metrics["task"] == metrics["data"] == "digits"
    assert metrics["epochs"] == 2 and metrics["seed"] == 0
    assert metrics["backend"] == keras.backend.backend()
    assert 0.9 < metrics["baseline"]["test_accuracy"] < 1
    assert "logistic regression" in metrics["baseline"]["name"]
    assert {"python", "keras", "keras_dlnotes", metrics["backend"]} == set(metrics["versions"])


def test_the_saved_model_scores_what_the_metrics_say(finished):
    model = keras.models.load_model(finished.folder / "model.keras")
    images, labels = SMALL.prepare("digits").test
    predictions = model.predict(images, verbose=0).argmax(axis=1)
    assert np.mean(predictions == labels) == pytest.approx(finished.metrics["test_accuracy"])
    assert finished.metrics["test_accuracy"] > 0.5
    assert model.count_params() == finished.metrics["parameters"]


def test_the_report_shows_scores_pictures_and_settings(finished):
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    for text in (
        f"{finished.metrics['test_accuracy']:.4g}",
        "test accuracy, higher is better",
        "Lower is better: test loss.",
        "Look for:",
        "Learning curves",
        "Confusion matrix",
        "Worst mistakes",
        "First-layer kernels",
        "Feature maps of one image",
        "batch_size",
        "The CNN",
    ):
        assert text in page
    assert page.count("<img") >= 5


@pytest.mark.thorough
def test_test_data_is_for_scoring_only(finished, tmp_path):
    def prepare_with_wrong_test_labels(name):
        splits = SMALL.prepare(name)
        images, labels = splits.test
        return replace(splits, test=(images * 0, labels))

    spoilt = fit(tmp_path, replace(QUICK, prepare=prepare_with_wrong_test_labels))
    assert spoilt.metrics["test_accuracy"] < 0.2
    histories = [(run.folder / "history.csv").read_text() for run in (finished, spoilt)]
    assert histories[0] == histories[1]


def test_a_finished_run_is_left_alone(finished):
    before = {
        path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()
    }
    again = fit(finished.folder, epochs=None, batch_size=None, resume=True)
    assert again.already_finished and again.epochs_before == 2
    assert again.metrics == finished.metrics
    after = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    lock = finished.folder / ".lock"
    assert before.pop(lock, None) is None or after.pop(lock)
    assert after == before


@pytest.mark.thorough
def test_lost_results_are_made_again_and_more_epochs_go_on_exactly(finished, tmp_path):
    first = fit(tmp_path, QUICK, epochs=1)
    (tmp_path / "report.html").unlink()
    again = fit(tmp_path, QUICK, epochs=1, resume=True)
    assert not again.already_finished and again.epochs_before == 1
    assert again.report.exists()
    assert without_seconds(again) == without_seconds(first)

    longer = fit(tmp_path, epochs=2, resume=True)
    assert not longer.already_finished and longer.epochs_before == 1
    assert without_seconds(longer) == without_seconds(finished)
    assert (tmp_path / "history.csv").read_text() == (finished.folder / "history.csv").read_text()


SMALLER = "half as many kernels"


@pytest.mark.thorough
def test_rivals_and_several_baselines_stand_beside_the_network(finished, tmp_path):
    def baselines(splits):
        found = SMALL.baseline(splits)
        return found, replace(found, name="another", scores={"test_accuracy": 0.125})

    task = replace(
        SMALL, variants={SMALLER: SMALL.arguments | {"filters": (2, 4)}}, baseline=baselines
    )
    result = fit(tmp_path, task)
    own = {name: finished.metrics[name] for name in ("test_accuracy", "epochs", "parameters")}
    assert result.metrics | own == result.metrics  # a variant leaves the network as it is
    variant = result.metrics["variants"][SMALLER]
    assert variant["parameters"] < result.metrics["parameters"] and variant["epochs"] == 2
    assert variant["test_accuracy"] > 0.2
    assert result.metrics["baseline"] == finished.metrics["baseline"]
    assert result.metrics["other_baselines"] == [{"name": "another", "test_accuracy": 0.125}]
    page = result.report.read_text(encoding="utf-8")
    assert "Variants" in page and SMALLER in page and "0.125" in page

    before = (tmp_path / "variants" / "0" / "history.csv").read_bytes()
    result.report.unlink()
    again = fit(tmp_path, task, resume=True)
    assert not again.already_finished
    assert (tmp_path / "variants" / "0" / "history.csv").read_bytes() == before
    assert again.metrics == result.metrics

    fit(tmp_path, QUICK, epochs=1, overwrite=True)
    assert not (tmp_path / "variants").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 3},
        {"batch_size": 8},
        {"data": "mnist_subset"},
        pytest.param({"strategy": "mirrored"}, marks=has_strategies),
    ],
)
def test_changed_settings_are_refused_by_name(finished, change):
    ((name, value),) = change.items()
    with pytest.raises(RunFolderError, match=f"not {name}={value}"):
        fit(finished.folder, resume=True, **change)
    assert (finished.folder / "report.html").exists()


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"seed": -1}, {"strategy": "central"}, {"epochs": 1.5}],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path, change):
    ((name, _),) = change.items()
    with pytest.raises(ValueError, match=f"`{name}`"):
        fit(tmp_path / "run", **change)
    assert not (tmp_path / "run").exists()


@has_strategies
def test_states_are_not_carried_between_devices(tmp_path):
    with pytest.raises(ValueError, match=r"`strategy`.*carries states"):
        fit(tmp_path / "run", replace(SMALL, carry_states=True), strategy="mirrored")
    assert not (tmp_path / "run").exists()


def test_data_that_fails_to_load_does_not_occupy_the_folder(tmp_path):
    def prepare(name):
        raise tasks.UnsuitableDataError("odd")

    with pytest.raises(tasks.UnsuitableDataError):
        fit(tmp_path, replace(SMALL, prepare=prepare))
    assert not (tmp_path / "run.json").exists()


@pytest.mark.slow
@only_on("tensorflow", reason="TensorFlow's own strategy")
def test_mirrored_strategy_trains_and_resumes(tmp_path):
    fit(tmp_path, QUICK, epochs=1, strategy="mirrored")
    result = fit(tmp_path, QUICK, epochs=2, resume=True)
    assert result.epochs_before == 1
    assert result.metrics["test_accuracy"] > 0.5
