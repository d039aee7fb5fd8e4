"""Many to one: identifies one of nine speakers from sequences of unequal length."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_dlnotes import data, models, reports
from keras_dlnotes.runs.task import Baseline, Outcome, Picture, Splits, Task
from keras_dlnotes.tasks.loading import SPLITS, load_splits


def prepare(name: str) -> Splits:
    """Loads sequences, zero-padded to one length, and their speakers.

    Each coefficient is standardized by its mean and deviation over the training frames. The test
    split is the standard one of the data set; no utterance occurs twice.
    """
    kind = "one of sequences with a label each, in splits for training, validation and test"
    loaded = load_splits(name, {"sequence", "label"}, kind)
    longest = max(loaded[split]["sequence"].shape[1] for split in SPLITS)
    sequences = [_padded(loaded[split]["sequence"], longest) for split in SPLITS]
    frames = sequences[0][_is_frame(sequences[0])]
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    training, validation, test = (
        (
            (sequence - mean) / deviation * _is_frame(sequence)[..., np.newaxis],
            loaded[split]["label"],
        )
        for sequence, split in zip(sequences, SPLITS, strict=True)
    )
    names = data.builder(name).info.features["label"].names
    return Splits(training, validation, test, tuple(f"speaker {name}" for name in names))


def _padded(sequences: np.ndarray, length: int) -> np.ndarray:
    missing = length - sequences.shape[1]
    return np.pad(sequences.astype("float32"), ((0, 0), (0, missing), (0, 0)))


def _is_frame(sequences: np.ndarray) -> np.ndarray:
    """Returns True for frames, False for padding."""
    return np.any(sequences, axis=-1)


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.many_to_one`, which masks the padding."""
    sequences, _ = splits.training
    return models.many_to_one(sequences.shape[1:], len(splits.class_names), **arguments)


def mean_frame(splits: Splits) -> Baseline:
    """Scores logistic regression on the mean and the deviation of an utterance's frames."""
    sequences, labels = splits.training
    test_sequences, test_labels = splits.test
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(_summaries(sequences), labels)
    accuracy = classifier.score(_summaries(test_sequences), test_labels)
    return Baseline(
        "logistic regression on the mean and deviation of the frames",
        {"test_accuracy": float(accuracy)},
    )


def _summaries(sequences: np.ndarray) -> np.ndarray:
    frames = [sequence[_is_frame(sequence)] for sequence in sequences]
    return np.stack([np.concatenate([frame.mean(axis=0), frame.std(axis=0)]) for frame in frames])


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws the confusion matrix."""
    sequences, labels = outcome.splits.test
    predictions = outcome.model.predict(sequences, verbose=0).argmax(axis=-1)
    yield Picture(
        "Confusion matrix",
        reports.plot_confusion_matrix(labels, predictions, outcome.splits.class_names),
        "How often each speaker (row) was taken for each speaker (column), on the test utterances.",
        "Matrix of true speakers by predicted speakers.",
        "Strong cells off the diagonal: pairs of speakers whose voices the network confuses.",
        "concepts/sequences.md#many-to-one",
    )


VOWELS = Task(
    name="vowels",
    description="A bidirectional network recognizes who speaks a Japanese vowel",
    section="Bi-directional LSTM",
    see="derivations/recurrent.md#two-directions",
    data="japanese_vowels",
    prepare=prepare,
    build=build,
    arguments={"cell": "gru", "units": 64, "bidirectional": True, "dropout": 0.2},
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    learning_rate=5e-3,
    halving_epochs=20,
    epochs=40,
    batch_size=25,
    patience=15,
    primary_metric="test_accuracy",
    baseline=mean_frame,
    pictures=pictures,
)
