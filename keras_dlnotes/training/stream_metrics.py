"""Loss and metrics over an epoch of windows, as if the stream were one batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.graph import replaced_methods
from keras_dlnotes.training.windows import Window

LEAST = 1e-6  # share of a fully masked window, which has no weight: avoids division by 0


class StreamMetrics:
    """Trains a model on windows, and accumulates its metrics over an epoch.

    Keras's means weight windows of few and many steps equally, and a loss those with few and many
    unmasked steps. Before each window of n steps, the sums so far, in units of windows of m steps,
    are therefore multiplied by m / n; those of the loss also by the ratio of the unmasked shares.
    If outputs mask different steps, the total loss uses the mean of their shares.
    """

    def __init__(self, model: keras.Model):
        """Takes a compiled and built model."""
        self._model = model
        self._names = getattr(model, "output_names", None) or []
        # of the last window: the mean share over all outputs, and that of each
        self._shares = keras.Variable([1.0] * (1 + len(self._names)), trainable=False)
        self._steps: int | None = None
        self._mask_of = _MaskOf()

    def begin_epoch(self) -> None:
        """Resets the metrics."""
        self._model.reset_metrics()
        self._steps = None

    def train(self, window: Window) -> dict[str, Any]:
        """Makes one training step; returns loss and metrics of the epoch so far."""
        # tensors, as `fit` hands them on; copies of weights, which are written to on PyTorch
        inputs, targets = keras.tree.map_structure(
            ops.convert_to_tensor, (window.inputs, window.targets)
        )
        weights = _each(lambda array: ops.convert_to_tensor(np.array(array)), window.weights)
        with self._kept(window.steps):
            return self._model.train_on_batch(inputs, targets, weights, return_dict=True)

    def _kept(self, steps: int) -> AbstractContextManager[None]:
        """Makes training steps rescale the metrics instead of resetting them."""
        return replaced_methods(
            self._model,
            reset_metrics=lambda: self._change_steps(steps),
            compute_loss=self._weighing(self._model.compute_loss),
        )

    def _change_steps(self, steps: int) -> None:
        if self._steps is not None and self._steps != steps:
            for mean in self._means():
                _multiply(mean, self._steps / steps)
        self._steps = steps

    def _means(self) -> list[keras.metrics.Mean]:
        """Returns all means except for losses that are sums."""
        means = [
            part
            for metric in self._model.metrics
            for part in getattr(metric, "metrics", [metric])  # those given to `compile`
            if isinstance(part, keras.metrics.Mean)
        ]
        sums = [id(tracker) for tracker, place in self._trackers() if self._is_sum(place)]
        return [mean for mean in means if id(mean) not in sums]

    def _trackers(self) -> list[tuple[keras.metrics.Mean, int]]:
        """Returns the means of the total loss and each output's, with their index in the shares."""
        return [
            (metric, 1 + self._names.index(name) if name in self._names else 0)
            for metric in self._model.metrics
            for name in [metric.name.removesuffix("_loss")]
            if type(metric) is keras.metrics.Mean and metric.name in ("loss", f"{name}_loss")
        ]

    def _weighing(self, compute_loss: Callable) -> Callable:
        def computed(x=None, y=None, y_pred=None, sample_weight=None, **settings):
            self._change_shares(y, y_pred, sample_weight)
            # on PyTorch, Keras masks the very weights that the metrics get after the loss
            return compute_loss(x, y, y_pred, _each(ops.copy, sample_weight), **settings)

        return computed

    def _change_shares(self, true, predicted, weights) -> None:
        outputs, targets = keras.tree.flatten(predicted), keras.tree.flatten(true)
        weights = keras.tree.flatten(weights)
        weights = weights * len(outputs) if len(weights) == 1 else weights
        shares = [
            self._share(place, *parts)
            for place, parts in enumerate(zip(targets, outputs, weights, strict=False), 1)
        ]
        ratios = None
        if not all(share is None for share in shares):
            shares = [1.0 if share is None else ops.maximum(share, LEAST) for share in shares]
            shares = ops.stack([sum(shares) / len(shares), *shares][: self._shares.shape[0]])
            ratios = self._shares.value / shares
            self._shares.assign(shares)
        for tracker, place in self._trackers():
            if self._is_sum(place):
                tracker.count.assign(0.0)  # the sums of all windows, over the rows of one
            elif ratios is not None:
                _multiply(tracker, ratios[place])

    def _share(self, place: int, true, predicted, weights):
        """Returns the share of an output's steps that its loss counts; None for all of them."""
        counted = self._mask_of(predicted)
        ignored = getattr(self._loss(place), "ignore_class", None)
        if ignored is not None:
            is_class = ops.reshape(true, ops.shape(predicted)[:-1]) != ignored
            counted = is_class if counted is None else ops.logical_and(counted, is_class)
        counted = None if counted is None else ops.cast(counted, "float32")
        if weights is not None and self._reduction(place) == "mean_with_sample_weight":
            weights = ops.cast(weights, "float32")
            counted = weights if counted is None else weights * counted
        return None if counted is None else ops.mean(counted)

    def _loss(self, place: int) -> Any:
        """Returns the loss of an output, as passed to `compile`; for 0, that of the first."""
        losses = self._model.loss
        if isinstance(losses, dict):
            losses = [losses.get(name) for name in self._names] or list(losses.values())
        losses = keras.tree.flatten(losses)
        return losses[max(place - 1, 0) % len(losses)]

    def _reduction(self, place: int) -> str:
        return getattr(self._loss(place), "reduction", "sum_over_batch_size")

    def _is_sum(self, place: int) -> bool:
        return self._reduction(place) == "sum"


def _each(function: Callable, weights: Any) -> Any:
    return None if weights is None else keras.tree.map_structure(function, weights)


def _multiply(mean: keras.metrics.Mean, factor) -> None:
    for sum_so_far in (mean.total, mean.count):
        sum_so_far.assign(sum_so_far.value * ops.cast(factor, sum_so_far.dtype))


class _MaskOf(keras.layers.Layer):
    """Returns the mask that Keras passes to a layer along with its input."""

    def __init__(self):
        super().__init__(autocast=False, name="mask")
        self.supports_masking = True
        self._last = {}

    def call(self, inputs, mask=None):
        self._last["mask"] = mask
        return inputs

    def __call__(self, inputs):
        super().__call__(inputs)
        return self._last.pop("mask")
