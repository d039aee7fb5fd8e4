import numpy as np
import pandas
import pytest

from keras_dlnotes.reports import (
    hyperparameter_importance,
    plot_importance,
    plot_parallel_coordinates,
    plot_search_progress,
    search_page,
)
from keras_dlnotes.reports.pages.search_trials import read_trials


def search_frame(count: int = 24) -> pandas.DataFrame:
    """Returns a search in which the rate matters most, the cell a little and `idle` not at all.

    Trial 5 failed before its first epoch, and trial 6 is still in its first.
    """
    generator = np.random.default_rng(0)
    rows = []
    for number in range(count):
        rate = 10 ** generator.uniform(-4, -1)
        cell = ("lstm", "gru")[generator.integers(2)]
        idle = int(generator.integers(8, 65))
        setting = {"rate": rate, "cell": cell, "idle": idle, "tuner/epochs": 3}
        setting["layers"] = int(generator.integers(1, 4)) if cell == "lstm" else None
        head = {"trial": f"{number:04}", "status": "COMPLETED"}
        if number == 5:
            rows.append(head | {"status": "FAILED"} | setting)
            continue
        level = 0.2 + (np.log10(rate) + 2.5) ** 2 + 0.1 * (cell == "gru")
        for execution in range(2):
            for epoch in range(3):
                loss = level + (0.3, 0.0, 0.1)[epoch] + 0.02 * execution
                metrics = {"loss": loss - 0.05, "val_loss": loss, "accuracy": 1 / (1 + loss)}
                rows.append(head | {"execution": execution, "epoch": epoch} | metrics | setting)
                if number == 6:
                    break
            if number == 6:
                rows[-1]["status"] = "RUNNING"
                break
    columns = ["trial", "status", "execution", "epoch", "loss", "val_loss", "accuracy"]
    return pandas.DataFrame(rows)[[*columns, "rate", "cell", "idle", "layers", "tuner/epochs"]]


@pytest.fixture(scope="module")
def frame() -> pandas.DataFrame:
    return search_frame()


def test_a_trial_is_the_mean_of_its_executions_best_epochs(frame):
    trials = read_trials(frame, "val_loss", "min")
    rows = frame[frame.trial == "0003"]
    expected = rows.groupby("execution").val_loss.min().mean()
    assert trials[3].best == pytest.approx(expected)
    assert trials[3].epochs == (2, 2), "epochs count from 1"
    np.testing.assert_allclose(trials[3].curve, rows.groupby("epoch").val_loss.mean())


def test_trials_that_failed_or_run_are_kept_as_such(frame):
    trials = read_trials(frame, "val_loss", "min")
    assert len(trials) == 24
    assert (trials[5].status, trials[5].is_complete, trials[5].epochs) == ("FAILED", False, ())
    assert np.isnan(trials[5].best)
    assert (trials[6].status, trials[6].is_complete, trials[6].epochs) == ("RUNNING", False, (1,))


def test_hyperparameters_have_one_value_a_trial_and_no_metrics_name(frame):
    trials = read_trials(frame, "val_loss", "min")
    assert list(trials[0].hyperparameters) == ["rate", "cell", "idle", "layers"]
    assert {type(trial.hyperparameters["layers"]) for trial in trials} == {int, type(None)}
    one_epoch = frame[(frame.epoch == 0) & (frame.execution == 0)]
    trials = read_trials(one_epoch, "val_loss", "min", ["cell", "tuner/epochs"])
    assert list(trials[0].hyperparameters) == ["cell", "tuner/epochs"]


def test_a_csv_file_gives_the_same_trials(frame, tmp_path):
    frame.assign(cell="None").to_csv(tmp_path / "results.csv", index=False)
    from_file = read_trials(tmp_path / "results.csv", "val_loss", "min")
    for found, expected in zip(from_file, read_trials(frame, "val_loss", "min"), strict=True):
        assert found.name == expected.name
        assert found.best == pytest.approx(expected.best, nan_ok=True)
        assert found.hyperparameters == pytest.approx(expected.hyperparameters | {"cell": "None"})


def test_the_best_so_far_never_gets_worse_and_ignores_what_is_not_complete():
    values = [0.5, np.nan, 0.1, 0.7, 0.4, 0.9]
    complete = [True, False, False, True, True, True]
    for direction, expected in (
        ("min", [0.5, 0.5, 0.5, 0.5, 0.4, 0.4]),
        ("max", [0.5, 0.5, 0.5, 0.7, 0.7, 0.9]),
    ):
        figure = plot_search_progress(values, direction, complete)
        lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
        np.testing.assert_array_equal(lines["best so far"].get_ydata(), expected)
        assert lines["not complete"].get_xdata().tolist() == [3]
        assert lines["no value"].get_xdata().tolist() == [2]
        assert lines["trial"].get_xdata().tolist() == [1, 4, 5, 6]


def test_a_scale_is_logarithmic_where_the_values_span_two_decades():
    assert plot_search_progress([0.01, 3]).axes[0].get_yscale() == "log"
    assert plot_search_progress([-0.01, 3]).axes[0].get_yscale() == "linear"
    figure = plot_parallel_coordinates({"rate": [1e-4, 1e-3, 1e-2]}, [3, 2, 1])
    heights = sorted(line.get_ydata()[0] for line in figure.axes[0].get_lines())
    assert heights == pytest.approx([0, 0.5, 1])
    assert "rate (log)" in [text.get_text() for text in figure.axes[0].texts]


def test_a_trial_is_a_line_across_numbers_and_choices():
    columns = {"cell": ["lstm", "gru", "gru"], "layers": [1, None, 3]}
    figure = plot_parallel_coordinates(columns, [0.5, np.nan, 0.9], "max")
    lost, worse, best = figure.axes[0].get_lines()
    assert lost.get_linestyle() == ":"
    assert lost.get_ydata()[0] == 0
    assert max(lost.get_ydata()[1:]) < 0, "below the axes of which it has no value"
    assert worse.get_ydata().tolist() == [1, 0, 0]
    assert best.get_ydata().tolist() == [0, 1, 1]
    assert best.get_linewidth() > worse.get_linewidth()


def test_every_hyperparameter_has_an_axis():
    columns = {f"h{number}": [number, 2.0, 3.0] for number in range(14)}
    figure = plot_parallel_coordinates(columns, [1, 2, 3], name="loss")
    names = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert sorted(name for row in names for name in row if name in columns) == sorted(columns)
    assert all("loss" in row for row in names) and len(names) == 3
    assert {line.get_xdata().size for axes in figure.axes for line in axes.lines} == {5, 6}
    assert len(plot_parallel_coordinates(columns, [1, 2, 3], limit=5).axes) == 1


def test_the_hyperparameter_that_matters_comes_first(frame):
    trials = [trial for trial in read_trials(frame, "val_loss", "min") if trial.is_complete]
    names = trials[0].hyperparameters
    columns = {name: [trial.hyperparameters[name] for trial in trials] for name in names}
    importance = hyperparameter_importance(columns, [trial.best for trial in trials])
    assert next(iter(importance)) == "rate"
    assert importance["rate"] > 3 * max(importance["idle"], importance["cell"])
    assert sum(importance.values()) <= 1
    figure = plot_importance(importance, limit=2)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "rate"
    assert len(figure.axes[0].patches) == 2


def test_a_choice_can_be_what_matters():
    generator = np.random.default_rng(0)
    cells = generator.choice(["simple", "lstm", "gru"], 30)
    columns = {"idle": generator.uniform(size=30), "cell": cells}
    importance = hyperparameter_importance(columns, (cells == "gru") + 0.01 * columns["idle"])
    assert list(importance) == ["cell", "idle"]
    assert importance["cell"] > 0.5


def test_noise_explains_nothing():
    generator = np.random.default_rng(0)
    columns = {"a": generator.uniform(size=20), "b": generator.uniform(size=20)}
    assert sum(hyperparameter_importance(columns, generator.uniform(size=20)).values()) < 0.1


def test_the_page_tells_of_every_trial(frame):
    page = search_page(frame, "val_loss").render()
    for name in frame.trial.unique():
        assert f">{name}<" in page
    for text in ("lowest val_loss", "FAILED", "RUNNING", "Together they explain", "best first"):
        assert text in page


def test_the_direction_turns_the_page_round(frame):
    best = {"min": "idxmin", "max": "idxmax"}
    for direction, index in best.items():
        page = search_page(frame, "accuracy", direction)
        facts = dict(page._parts[0][1])
        complete = [t for t in read_trials(frame, "accuracy", direction) if t.is_complete]
        expected = getattr(pandas.Series({t.name: t.best for t in complete}), index)()
        assert facts["best trial"] == expected


def test_a_search_without_a_complete_trial_has_a_page_too(frame):
    for trial in ("0005", "0006"):
        page = search_page(frame[frame.trial == trial], "val_loss").render()
        assert "No complete trial" in page
        assert f">{trial}<" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": [1]}, "`frame` must be a DataFrame or the path"),
        ({"frame": pandas.DataFrame({"trial": [1], "epoch": [1]})}, "it lacks status, execution"),
        ({"frame": search_frame(1).iloc[:0]}, "`frame` must be a table of at least one row"),
        ({"frame": search_frame(1).assign(val_loss="low")}, "numbers in 'val_loss'"),
        ({"objective": "val_auc"}, "`objective` must be one of the metrics in the columns loss, "),
        ({"objective": "reward"}, "`direction` must be .* 'reward' does not say which is better"),
        ({"direction": "up"}, "`direction` must be one of 'min', 'max'"),
        ({"hyperparameters": ["units"]}, "`hyperparameters` must be columns of the table"),
        ({"hyperparameters": ["loss"]}, "one value a trial. Received: a changing column='loss'"),
    ],
)
def test_a_bad_search_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        search_page(**{"frame": search_frame(2), "objective": "val_loss"} | arguments)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot_search_progress([]), "`objective` must be a non-empty array"),
        (lambda: plot_search_progress([1, 2], complete=[True]), "must have the same length"),
        (lambda: plot_search_progress([1], "up"), "`direction` must be one of 'min', 'max'"),
        (lambda: plot_parallel_coordinates({}, [1]), "`hyperparameters` must be a non-empty"),
        (lambda: plot_parallel_coordinates({"a": [1]}, [1, 2]), "must have the same length"),
        (lambda: plot_parallel_coordinates({"a": [1]}, [1], limit=0), "`limit` must be an integer"),
        (lambda: plot_importance({}), "`importance` must be a non-empty mapping"),
        (lambda: plot_importance({"a": 1}, limit=0), "`limit` must be an integer"),
        (lambda: hyperparameter_importance({}, [1]), "`hyperparameters` must be a non-empty"),
        (lambda: hyperparameter_importance({"a": [1]}, [1]), "numbers of at least 8 trials"),
    ],
)
def test_bad_arguments_of_a_picture_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
