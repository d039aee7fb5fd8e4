"""How the gradient of the loss flows back: over time in recurrent layers, or layer by layer."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import tree

from keras_dlnotes.common.checks import argument_error, choice, flag, number
from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.reports.autodiff import gradients
from keras_dlnotes.reports.costs.input_specs import batch_for
from keras_dlnotes.reports.probes import Probe, Probes, has_recurrence

if TYPE_CHECKING:
    import pandas

COLUMNS = ("layer", "step", "norm", "ratio", "flag")
Loss = str | Callable[..., Any]


def gradient_flow(
    model: keras.Model,
    inputs: Any,
    targets: Any = None,
    loss: Loss | None = None,
    by: str | None = None,
    training: bool = False,
    vanishing: float = 1e-3,
    exploding: float = 1e3,
) -> "pandas.DataFrame":
    """Returns how large the gradient of the loss is at each time step or layer.

    By step, the norm is ‖∂L/∂h_t‖ over the batch and the units of a recurrent layer's h_t: the
    gradient through all later steps, which back-propagation through time multiplies with the
    recurrent weights again and again. By layer, it is ‖∂L/∂y‖ for the output y of each layer.

    Args:
        model: A Functional or Sequential model that knows its input shape.
        inputs: What the model is called on: a batch of arrays.
        targets: What the loss compares the outputs with.
        loss: A Keras loss or its name, called on targets and outputs; without targets a function of
            the outputs. By default, with targets, what the model is compiled with; without, a fixed
            random combination of the outputs, so that no symmetry (as of a softmax) hides anything.
        by: "step" or "layer"; by default "step" where the model has a recurrent layer.
        training: Whether layers such as dropout act as in training.
        vanishing: A ratio below this is flagged.
        exploding: A ratio above this is flagged, as is one that is not finite.

    Returns:
        A data frame with the columns

        - layer: its name, behind those of the models that it is nested in;
        - step: the time step, from 0 in the order of the input; by layer missing;
        - norm: of the gradient;
        - ratio: of the norm to that at the step where the gradient enters the layer, the last one
          that has any (the first in a layer that runs backwards); by layer, to the last layer's;
        - flag: "vanishing", "exploding" or "".

        Of a truncated layer the gradient ends where its blocks do. A step that is masked, or that
        the loss does not depend on, has no gradient and no flag.

    Raises:
        ValueError: If the model is no such model or has no recurrent layer where `by` is "step", or
            an argument is none of these.

    Reference:
        Lecture notes, "Vanishing/ exploding gradient problems".

    >>> cell = keras.layers.SimpleRNN(1, activation=None, recurrent_initializer="ones")
    >>> model = keras.Sequential([keras.Input((3, 1)), cell])
    >>> frame = gradient_flow(model, np.ones((1, 3, 1), "float32"))
    >>> frame["ratio"].tolist()
    [1.0, 1.0, 1.0]
    """
    import pandas

    if not graph_inputs(model):
        expected = "a Functional or Sequential model that knows its input shape"
        raise argument_error("model", expected, model)
    check_settings(by, loss)
    flag("training", training)
    for name, value in (("vanishing", vanishing), ("exploding", exploding)):
        number(name, value, 0)
    inputs = batch_for(model, inputs)
    if targets is not None:
        targets = _targets(targets, len(tree.flatten(inputs)[0]))
    measure = _loss_function(model, inputs, targets, loss)
    recurrent = has_recurrence(model)
    if by == "step" and not recurrent:
        raise argument_error("model", "one with a recurrent layer for by='step'", f"{model.name!r}")
    by = by or ("step" if recurrent else "layer")
    probes = Probes(model, by, training)
    entrance = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    packed = tree.pack_sequence_as(entrance, inputs)
    with keras.StatelessScope():  # moving averages, seeds and states stay as they are
        probes.run(packed)

    def probed_loss(offsets: list[Any]) -> Any:
        with keras.StatelessScope():
            return measure(probes.run(packed, offsets))

    found = iter(gradients(probed_loss, probes.zeros))
    norms = [(probe, probe.norms([*islice(found, probe.size)])) for probe in probes.probes]
    rows = _by_step(norms) if by == "step" else _by_layer(norms)
    for row in rows:
        row["flag"] = _flag(row, vanishing, exploding)
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def check_settings(by: Any, loss: Any) -> None:
    """Raises where `by` or `loss` is none of those that `gradient_flow` takes."""
    if by is not None:
        choice("by", by, ("step", "layer"))
    if isinstance(loss, str):
        try:
            keras.losses.get(loss)
        except ValueError as error:
            expected = "the name of a loss of Keras's, or a function"
            raise argument_error("loss", expected, loss) from error
    elif loss is not None and not callable(loss):
        raise argument_error("loss", "a loss, its name or a function", loss)


def _targets(targets: Any, examples: int) -> Any:
    arrays = [np.asarray(keras.ops.convert_to_numpy(entry)) for entry in tree.flatten(targets)]
    for array in arrays:
        if array.dtype.kind not in "biuf" or array.ndim == 0 or len(array) != examples:
            expected = f"arrays of real numbers, {examples} examples each"
            found = (array.shape, array.dtype.name)
            raise argument_error("targets", expected, found, part="(shape, dtype)")
    return targets


def _loss_function(model: keras.Model, inputs: Any, targets: Any, loss: Loss | None) -> Callable:
    if targets is None:
        if loss is None:
            return _random_combination
        if not callable(loss) or isinstance(loss, keras.losses.Loss):
            expected = "a function of the outputs where there are no targets"
            raise argument_error("loss", expected, loss)
        return loss
    if loss is not None:
        compare = keras.losses.get(loss)
        return lambda outputs: keras.ops.mean(compare(targets, outputs))
    if not getattr(model, "compiled", False):
        expected = "given with targets of a model that is not compiled"
        raise argument_error("loss", expected, loss)
    return lambda outputs: model.compute_loss(inputs, targets, outputs)


def _random_combination(outputs: Any) -> Any:
    generator = np.random.default_rng(0)
    weighted = [
        keras.ops.sum(output * keras.ops.cast(generator.normal(size=output.shape), output.dtype))
        for output in tree.flatten(outputs)
    ]
    return sum(weighted)


def _by_step(found: list[tuple[Probe, np.ndarray]]) -> list[dict[str, Any]]:
    rows = []
    for probe, norms in found:
        entrance = next(filter(None, norms[::-1]), 0.0)
        if probe.goes_backwards:
            norms = norms[::-1]
        for step, norm in enumerate(norms):
            # Masked steps, and those that the loss does not depend on, have no gradient at all.
            ratio = norm / entrance if norm else np.nan
            rows.append({"layer": probe.name, "step": step, "norm": norm, "ratio": ratio})
    return rows


def _by_layer(found: list[tuple[Probe, np.ndarray]]) -> list[dict[str, Any]]:
    last = found[-1][1].item()
    return [
        {"layer": probe.name, "step": None, "norm": norm, "ratio": norm / last if last else np.nan}
        for probe, [norm] in found
    ]


def _flag(row: dict[str, Any], vanishing: float, exploding: float) -> str:
    ratio = row["ratio"]
    if not np.isfinite(row["norm"]):
        return "exploding"
    if np.isnan(ratio):
        return ""
    if ratio < vanishing:
        return "vanishing"
    return "exploding" if ratio > exploding else ""
