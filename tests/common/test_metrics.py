"""Which direction of a metric is better: the rule, Keras's and KerasTuner's."""

import inspect

import keras
import keras_tuner
import pytest

from keras_dlnotes.common.metrics import direction_of
from keras_dlnotes.reports import plot_runs
from keras_dlnotes.tasks import TASKS
from keras_dlnotes.tuning.arguments import check_objective

ARGUMENTS = {
    "MeanIoU": {"num_classes": 2},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "MeanMetricWrapper": {"fn": lambda true, found: found},
}
CLASSES = {
    name: kind
    for name, kind in vars(keras.metrics).items()
    if inspect.isclass(kind) and issubclass(kind, keras.metrics.Metric)
}
FUNCTIONS = {
    name
    for module in (keras.metrics, keras.losses)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and name not in ("get", "serialize", "deserialize")
}
PLAIN = {name: kind for name, kind in CLASSES.items() if name not in ARGUMENTS and name != "Metric"}
UNKNOWN_NAMES = {"mean", "sum", "cosine_similarity"}
# Sums and means of anything; and losses that share their name with a score.
UNKNOWN = {"Mean", "MeanMetricWrapper", "Metric", "Sum", "CosineSimilarity"}
UNKNOWN_FUNCTIONS = {"circle", "cosine_similarity", "dice", "tversky"}
# KerasTuner takes every metric that is not in its list for a loss.
WRONG_IN_KERAS_TUNER = {
    "BinaryIoU",
    "ConcordanceCorrelation",
    "F1Score",
    "PearsonCorrelation",
    "R2Score",
}


def of_name(name):
    try:
        return direction_of(name)
    except ValueError as error:
        assert name in str(error)
        return None


def of_early_stopping(metric):
    """What Keras's callback takes for better; None where it refuses the name."""
    stopping = keras.callbacks.EarlyStopping(f"val_{metric.name}", mode="auto", patience=9)
    stopping.set_model(type("Model", (), {"metrics": [metric], "stop_training": False})())
    stopping.on_train_begin()
    try:
        for epoch, value in enumerate((0.0, 1.0, -1.0)):
            stopping.on_epoch_end(epoch, {stopping.monitor: value})
    except ValueError:
        return None
    return {1.0: "max", -1.0: "min"}[stopping.best]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_metric_of_keras_goes_as_keras_says(name):
    metric = CLASSES[name](**ARGUMENTS.get(name, {}))
    found = of_name(metric.name)
    assert (found is None) == (name in UNKNOWN)
    assert of_name(f"val_{metric.name}") == of_name(f"{metric.name}_1") == found
    if name not in ("Metric", "Mean", "Sum"):
        assert of_name(name) == found  # as in `metrics=["AUC"]`
    expected = of_early_stopping(metric)
    assert found is None or expected in (None, found)


@pytest.mark.parametrize("name", sorted({kind().name for kind in PLAIN.values()} - UNKNOWN_NAMES))
def test_figures_and_searches_go_by_the_same_rule(name):
    monitor = f"val_{name}"
    direction = direction_of(monitor)
    [line, *_] = plot_runs({"a": {monitor: [5.0, 1.0, 3.0]}}, monitor).axes[0].lines
    assert line.get_label() == {"min": "a: 1 at epoch 2", "max": "a: 5 at epoch 1"}[direction]
    assert check_objective(monitor).direction == direction


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_of_keras_is_known_or_refused(name):
    expected = None if name in UNKNOWN_FUNCTIONS else "max" if "accuracy" in name else "min"
    if name.endswith("correlation"):
        expected = "max"
    assert of_name(name) == of_name(f"val_{name}") == expected


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_keras_tuner_agrees_where_it_knows(name):
    metric = CLASSES[name](**ARGUMENTS.get(name, {}))
    try:
        tuner = keras_tuner.engine.metrics_tracking.infer_metric_direction(metric.name)
    except TypeError:  # for a class with an argument
        return
    found = of_name(metric.name)
    if found is not None and tuner is not None:
        assert (found != tuner) == (name in WRONG_IN_KERAS_TUNER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(name, "min") for name in ("mae", "val_mse", "rmse", "bce", "MAPE", "dice_loss")],
        *[(name, "min") for name in ("output_loss", "top_5_error", "accuracy_loss", "perplexity")],
        *[(name, "max") for name in ("acc", "val_acc", "dice_coefficient", "top-5 accuracy")],
        *[(name, "max") for name in ("subsetaccuracy", "val_mean_iou", "AUC", "MeanIoU")],
        *[("test_psnr", "max"), ("test_exact_match", "max"), ("bits_per_character", "min")],
        *[(name, None) for name in ("", "reward", "distance", "dice", "maestro", "accident")],
    ],
)
def test_names_of_users(name, expected):
    assert of_name(name) == expected


@pytest.mark.parametrize("name", TASKS)
def test_what_every_task_monitors_is_known(name):
    assert direction_of(TASKS[name].monitor) in ("min", "max")


def test_a_score_is_shown_with_its_unit():
    score = TASKS["sunspots"].score_named("test_mae")
    assert (score.with_direction, score.value(12.1547)) == (
        "test MAE, lower is better",
        "12.15 sunspots",
    )
    assert TASKS["digits"].score_named("test_accuracy").value(0.98607) == "0.9861"


def test_a_direction_that_is_given_is_taken():
    assert direction_of("val_loss", "max") == "max"
    with pytest.raises(ValueError, match="`direction` must be one of 'min', 'max'"):
        direction_of("val_loss", "up")
