import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_dlnotes.reports import plot_learning_curves

HISTORY = {
    "accuracy": [0.5, 0.8, 0.9, 0.95],
    "loss": [2.0, 1.0, 0.5, 0.25],
    "val_accuracy": [0.4, 0.7, 0.75, 0.7],
    "val_loss": [2.1, 1.2, 0.9, 1.1],
}


def panels(figure: Figure) -> dict:
    return {axes.get_ylabel(): axes for axes in figure.axes}


def lines(axes) -> dict:
    return {line.get_label(): line for line in axes.get_lines()}


def test_each_panel_shows_training_against_validation():
    axes = panels(plot_learning_curves(HISTORY))
    assert list(axes) == ["loss", "accuracy"]
    for metric in ("loss", "accuracy"):
        curves = lines(axes[metric])
        assert list(curves["training"].get_xdata()) == [1, 2, 3, 4]
        assert list(curves["training"].get_ydata()) == HISTORY[metric]
        assert list(curves["validation"].get_ydata()) == HISTORY["val_" + metric]
        assert axes[metric].get_xlabel() == "epoch"


def test_the_epoch_of_the_lowest_validation_loss_is_marked():
    figure = plot_learning_curves(HISTORY)
    axes = panels(figure)
    for metric in ("loss", "accuracy"):
        assert lines(axes[metric])["best epoch"].get_xdata()[0] == 3
    assert axes["accuracy"].get_title(loc="right") == "0.75 at epoch 3"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["training", "validation", "best epoch: 3 (lowest validation loss)"]


def test_the_best_epoch_can_be_given():
    axes = panels(plot_learning_curves(HISTORY, best_epoch=4))
    assert axes["loss"].get_title(loc="right") == "1.1 at epoch 4"


def test_one_epoch_is_seen_as_dots():
    axes = panels(plot_learning_curves({"loss": [0.7], "val_loss": [0.6]}))["loss"]
    assert lines(axes)["training"].get_marker() == "o"
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


@pytest.mark.parametrize("metrics", [["loss", "val_loss"], list(HISTORY)])
def test_the_legend_stands_within_the_figure(metrics):
    figure = plot_learning_curves({name: HISTORY[name] for name in metrics})
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


def test_a_history_without_validation_or_loss():
    axes = panels(
        plot_learning_curves({"loss": [3.0, 2.0, 2.5], "learning_rate": [0.1, 0.1, 0.05]})
    )
    assert "validation" not in lines(axes["loss"])
    assert axes["learning rate"].get_title(loc="right") == "0.1 at epoch 2"
    axes = panels(plot_learning_curves({"mean_iou": [0.1, 0.2]}))
    assert "best epoch" not in lines(axes["mean iou"])


def test_epochs_that_failed_leave_holes():
    axes = panels(plot_learning_curves({"loss": [1.0, np.nan, 0.5, np.nan]}))["loss"]
    assert np.isnan(lines(axes)["training"].get_ydata()[1])
    assert lines(axes)["best epoch"].get_xdata()[0] == 3
    assert "best epoch" not in lines(plot_learning_curves({"loss": [np.nan]}).axes[0])


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "`history` must be a non-empty mapping"),
        ([0.5, 0.4], "`history` must be a non-empty mapping"),
        ({"loss": []}, r"`history\['loss'\]` must be a non-empty array of shape \(epochs,\)"),
        ({"loss": [[0.5]]}, r"history\['loss'\].shape=\(1, 1\)"),
        ({"loss": ["low"]}, r"`history\['loss'\]` must be an array of real numbers"),
        ({"loss": [1.0, 0.5], "val_loss": [1.0]}, "lengths={'loss': 2, 'val_loss': 1}"),
    ],
)
def test_bad_histories_are_refused(history, message):
    with pytest.raises(ValueError, match=message):
        plot_learning_curves(history)


@pytest.mark.parametrize("best_epoch", [0, 5])
def test_a_best_epoch_outside_the_history_is_refused(best_epoch):
    with pytest.raises(ValueError, match=rf"≥ 1 and ≤ 4. Received: best_epoch={best_epoch}"):
        plot_learning_curves(HISTORY, best_epoch)
