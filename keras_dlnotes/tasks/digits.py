"""A convolutional network reads handwritten digits."""

from dataclasses import replace

from keras_dlnotes.runs.task import Task
from keras_dlnotes.tasks import image_classification

DIGITS = Task(
    name="digits",
    description="A small convolutional network reads handwritten digits of 8×8 pixels",
    section="The CNN",
    see="concepts/images.md#the-cnn",
    data="digits",
    prepare=image_classification.prepare,
    build=image_classification.build_convnet,
    arguments={"filters": (64, 128), "dropout": 0.4, "shift": 0.1, "rotation": 0.05},
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    halving_epochs=20,
    epochs=80,
    batch_size=32,
    patience=15,
    primary_metric="test_accuracy",
    baseline=image_classification.logistic_regression,
    pictures=image_classification.pictures,
)

MNIST = replace(
    DIGITS,
    name="mnist",
    description="The same network reads MNIST's digits of 28×28 pixels",
    data="mnist_subset",
    arguments={**DIGITS.arguments, "filters": (32, 64, 128)},
    epochs=30,
    patience=8,
)
