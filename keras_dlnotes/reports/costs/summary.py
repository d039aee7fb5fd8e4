"""What a model costs, added up layer by layer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import keras

from keras_dlnotes.common.calls import Call
from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.reports.costs.cost_report import Report
from keras_dlnotes.reports.costs.receptive_fields import ReceptiveFields
from keras_dlnotes.reports.costs.row import Row
from keras_dlnotes.reports.costs.rules import find_cost
from keras_dlnotes.reports.costs.trace import Trace, trace


def summarize(model: keras.Model, input_shape: Any = None, batch_size: int = 1) -> Report:
    """Returns what a model costs, layer by layer, without running it.

    A convolution with a D_k×D_k kernel makes D_k²·M·D_p²·N multiplications for M input channels and
    N output channels of D_p×D_p positions, an LSTM T·(4U(D+U) + 3U); `reports/costs/rules` says
    what is counted. A multiply-add is two FLOPs.

    Nested models, layers made of layers, and wrappers are unfolded; a shared layer is one row with
    the multiplications of all its calls. Layers act as at inference.

    Args:
        model: Any Keras model; a subclassed one is looked into if its `call` takes symbolic
            tensors. One that isn't built yet is built for the input shape.
        input_shape: The lengths without the batch, as (height, width, channels); for several inputs
            a list of them or a mapping from input names. Needed where the model leaves a length
            open, such as that of a sequence.
        batch_size: How many examples the multiplications and activations are counted for.

    Returns:
        The report. A layer without a rule is listed in its `unknown` and has None multiplications,
        never zero; `reports.rule` adds one.

    Raises:
        ValueError: If `model` is no model, the shape does not fit it, or a length is not known.

    Reference:
        Lecture notes, "Depthwise Separable Convolution", total multiplications.

    >>> model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(1, 5)])
    >>> summarize(model).total.multiplications == 5**2 * 3 * 8**2 * 1
    True
    """
    integer("batch_size", batch_size, 1)
    traced = trace(model, input_shape, batch_size)
    accounts = _accounts(traced)
    fields = ReceptiveFields(traced)
    open_batch = _has_open_batch(model)
    rows = [account.row(fields, open_batch) for account in accounts]
    unknown = [row.name for row in rows if row.multiplications is None]
    field = fields.describe(traced.outputs[0])
    total = Row(
        name="total",
        kind="",
        output_shape=_shown_shape(traced.outputs[0], open_batch),
        parameters=sum(row.parameters for row in rows),
        multiplications=sum(row.multiplications or 0 for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        receptive_field=field.size if field else None,
        stride=field.stride if field else None,
        calls=sum(row.calls for row in rows),
    )
    shape = tuple(traced.inputs[0].shape[axis] for axis in fields.axes)
    return Report(model.name, rows, total, unknown, shape)


@dataclass
class _Account:
    """The sums for one layer."""

    call: Call
    parameters: int = 0
    multiplications: int | None = 0
    activation_bytes: int = 0
    calls: int = 0

    def row(self, fields: ReceptiveFields, open_batch: bool) -> Row:
        field = fields.describe(self.call.outputs[0])
        return Row(
            name=self.call.name or self.call.operation.name,
            kind=type(self.call.operation).__name__,
            output_shape=_shown_shape(self.call.outputs[0], open_batch),
            parameters=self.parameters,
            multiplications=self.multiplications,
            activation_bytes=self.activation_bytes,
            receptive_field=field.size if field else None,
            stride=field.stride if field else None,
            calls=self.calls,
        )


def _accounts(traced: Trace) -> list[_Account]:
    containers = {id(call.operation): call for call in reversed(traced.containers)}
    accounts: dict[int, _Account] = {}
    for call in traced.calls:
        if not call.counted or _is_mask(call):
            continue
        key = id(call.owner)
        account = accounts.setdefault(key, _Account(containers.get(key, call)))
        cost = _cost(call)
        if cost is None or account.multiplications is None:
            account.multiplications = None
        else:
            account.multiplications += cost
        if call.operation is call.owner:
            account.calls += 1
            account.activation_bytes += _activation_bytes(call)
    seen: set[int] = set()
    for key, account in accounts.items():
        if key not in containers:
            account.parameters = _new_parameters(account.call.owner, seen)
    # A container counts the weights that no layer inside it has.
    for key, call in reversed(containers.items()):
        account = accounts.setdefault(key, _Account(call))
        account.parameters = _new_parameters(call.operation, seen)
        account.calls = sum(other.operation is call.operation for other in traced.containers)
    return [
        account
        for key, account in accounts.items()
        if key not in containers or account.parameters or account.multiplications != 0
    ]


def _is_mask(call: Call) -> bool:
    """Tells whether a plain operation computes what a layer's mask is made of."""
    return not isinstance(call.operation, keras.Layer) and call.outputs[0].dtype == "bool"


def _cost(call: Call) -> int | None:
    shapes = [tuple(operand.shape) for operand in call.operands]
    output_shape = tuple(call.outputs[0].shape)
    if call.times is None or None in {length for s in (*shapes, output_shape) for length in s}:
        expected = f"given with all its lengths, one of which layer {call.name!r} needs"
        raise argument_error("input_shape", expected, _plain(shapes))
    rule = find_cost(call.operation)
    if rule is None:
        return None
    cost = rule(call.operation, _plain(shapes), output_shape)
    return None if cost is None else int(cost) * call.times


def _plain(shapes: list) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _activation_bytes(call: Call) -> int:
    return sum(prod(output.shape) * _bytes(output.dtype) for output in call.outputs) * call.times


def _bytes(dtype: str) -> int:
    """Returns the bytes of one number; a bool takes one, and of a string the size is not known."""
    bits = re.search(r"\d+", dtype)
    return int(bits.group()) // 8 if bits else int(dtype == "bool")


def _new_parameters(operation: Any, seen: set[int]) -> int:
    """Counts the weights of a layer that no earlier layer has."""
    weights: Iterable = getattr(operation, "weights", ())
    new = [weight for weight in weights if id(weight) not in seen]
    seen.update(map(id, new))
    return sum(prod(weight.shape) for weight in new)


def _has_open_batch(model: keras.Model) -> bool:
    inputs = getattr(model, "inputs", None) or ()
    return all(tensor.shape[0] is None for tensor in inputs)


def _shown_shape(tensor: Any, open_batch: bool) -> tuple[int | None, ...]:
    return (None, *tensor.shape[1:]) if open_batch else tuple(tensor.shape)
