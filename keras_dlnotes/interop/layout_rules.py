"""The layout behind a layer or an operation, from the layout before it.

`infer_axes` is called for all calls in turn, several times; then `infer_permutations`, once.
"""

import keras
import numpy as np

from keras_dlnotes.interop.layout import (
    IDENTITY,
    Permutation,
    Tensor,
    Unknown,
    channels_first,
    features_last,
)


def identities(shape) -> list[Permutation]:
    return [Permutation(size, IDENTITY) for size in shape]


def axis_of(operation, tensor: Tensor, name: str = "axis", default: int = -1) -> int:
    """An axis as Keras counts it, without the batch; -1 for the batch itself."""
    axis = getattr(operation, name, default)
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return axis % (tensor.rank + 1) - 1


class Rule:
    """The rule of unknown operations: what has one layout in both keeps it."""

    def infer_axes(self, call):
        alike = all(tensor.has_same_layout() for tensor in call.inputs if tensor.rank > 1)
        for output in call.outputs:
            if alike:
                output.axes.infer({tuple(range(output.rank))})
            else:
                output.axes.mark_unknown(self._reason(call))

    def infer_permutations(self, call, layouts):
        alike = all(tensor.has_same_layout() for tensor in (*call.inputs, *call.outputs))
        taken = [order for tensor in call.inputs for order in tensor.permutations]
        reason = self._reason(call)
        for order in taken:
            alike &= order.resolve_free() is IDENTITY
        if alike:
            layouts.trust(call.operation)
        elif any(order.resolve_free() is not IDENTITY for order in taken):
            layouts.mark_unknown(call.operation, reason)  # it may have weights of its own
        for order in taken:
            if order.resolve() is None:
                order.bind(IDENTITY if alike else reason)
        for output in call.outputs:
            value = reason if not alike and output.rank == 1 else IDENTITY
            output.permutations = [
                Permutation(size, value, sources=taken, why=reason) for size in output.shape
            ]

    def _reason(self, call):
        kind = type(call.operation).__name__
        return Unknown(f"no rule for what {call.operation.name} ({kind}) does to the order")


class Elementwise(Rule):
    """An elementwise operation, on one tensor or several."""

    def infer_axes(self, call):
        for output in call.outputs:
            for tensor in call.inputs:
                if tensor.rank == output.rank:
                    tensor.axes.unify(output.axes)

    def infer_permutations(self, call, layouts):
        for output in call.outputs:
            output.permutations = [Permutation(size) for size in output.shape]
            for tensor in call.inputs:
                self._unify(tensor, output)
            for constant in call.constants:
                self._pin(constant, output, layouts)

    @staticmethod
    def _unify(tensor, output):
        for back in range(1, min(tensor.rank, output.rank) + 1):
            if tensor.shape[-back] == output.shape[-back]:
                problem = tensor.permutations[-back].unify(output.permutations[-back])
                if problem:
                    output.permutations[-back] = Permutation(output.shape[-back], problem)

    @staticmethod
    def _pin(constant, output, layouts):
        """A constant for each feature is in Keras's order."""
        for back, size in enumerate(reversed(tuple(constant.shape)), 1):
            if back <= output.rank and size != 1 and output.permutations[-back].bind(IDENTITY):
                reason = Unknown(
                    "constants, one for each feature, are applied to features in another order"
                )
                output.permutations[-back] = Permutation(size, reason)
                layouts.mark_constant(constant, reason)


class Weighted(Elementwise):
    """An elementwise layer of the user, with weights."""

    def infer_permutations(self, call, layouts):
        super().infer_permutations(call, layouts)
        for weight in call.operation.weights:
            self._pin(weight, call.outputs[0], layouts)


class Rescaling(Elementwise):
    def infer_permutations(self, call, layouts):
        super().infer_permutations(call, layouts)
        for name in ("scale", "offset"):
            self._pin(np.asarray(getattr(call.operation, name)), call.outputs[0], layouts)


class Features(Elementwise):
    """Normalizations, with parameters for each feature."""

    def __init__(self, channels_first: bool):
        self.channels_first = channels_first

    def infer_axes(self, call):
        super().infer_axes(call)
        tensor = call.inputs[0]
        axis = axis_of(call.operation, tensor)
        if tensor.rank > 1 and axis >= 0:
            order = channels_first if self.channels_first else features_last
            tensor.axes.declare(order(tensor.rank, axis))
            if not self.channels_first:
                # PyTorch code may move the channels to the end for this, and back
                tensor.axes.infer({tensor.axes.default})

    def infer_permutations(self, call, layouts):
        super().infer_permutations(call, layouts)
        tensor, layer = call.inputs[0], call.operation
        order = call.outputs[0].permutations[axis_of(layer, tensor)]
        groups = getattr(layer, "groups", 1)
        if groups not in (1, -1, order.size) and order.bind(IDENTITY):
            order = Permutation(
                order.size, Unknown("groups are of adjacent channels, which differ in PyTorch")
            )
            call.outputs[0].permutations[axis_of(layer, tensor)] = order
        layouts.set_inputs(layer, order)


class PReLU(Elementwise):
    def infer_permutations(self, call, layouts):
        super().infer_permutations(call, layouts)
        layouts.set_inputs(call.operation, call.outputs[0].permutations[-1])


class Linear(Rule):
    """`Dense`: its rows follow its inputs, and its columns may be reshaped to feature maps."""

    def infer_axes(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        if tensor.rank > 1:
            # PyTorch code may move the channels to the end for this, and back
            tensor.axes.infer({tensor.axes.default})
            output.axes.infer(tensor.axes.candidates)
            tensor.axes.declare(tuple(range(tensor.rank)))
            output.axes.declare(tuple(range(output.rank)))

    def infer_permutations(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        layouts.set_inputs(call.operation, tensor.permutations[-1])
        output.permutations = identities(output.shape)
        output.permutations[-1] = Permutation(
            output.shape[-1], None if output.rank == 1 else IDENTITY, from_weights=True
        )
        layouts.set_outputs(call.operation, output.permutations[-1])


class Lookup(Rule):
    """`Embedding`."""

    def infer_axes(self, call):
        for output in call.outputs:
            output.axes.declare(tuple(range(output.rank)))

    def infer_permutations(self, call, layouts):
        for output in call.outputs:
            output.permutations = identities(output.shape)
            output.permutations[-1].from_weights = True
            layouts.set_outputs(call.operation, output.permutations[-1])


class Sequences(Rule):
    """Recurrent layers and attention, whose features are last in PyTorch too."""

    def infer_axes(self, call):
        for tensor in (*call.inputs, *call.outputs):
            if tensor.rank > 1:
                tensor.axes.declare(tuple(range(tensor.rank)))

    def infer_permutations(self, call, layouts):
        layer, attends = call.operation, isinstance(call.operation, keras.layers.MultiHeadAttention)
        for number, tensor in enumerate(call.inputs):
            if number == 0 and not attends:
                layouts.set_inputs(layer, tensor.permutations[-1])
                continue
            if tensor.rank:
                layouts.require_identity(layer, tensor.permutations[-1])
        for output in call.outputs:
            output.permutations = identities(output.shape)
            if output.rank:
                output.permutations[-1].from_weights = True
                layouts.set_outputs(layer, output.permutations[-1])


class Repeat(Rule):
    """`RepeatVector`."""

    def infer_axes(self, call):
        pass

    def infer_permutations(self, call, layouts):
        output = call.outputs[0]
        output.permutations = [
            Permutation(output.shape[0], IDENTITY),
            call.inputs[0].permutations[-1],
        ]


class Joining(Rule):
    """`Concatenate`."""

    def infer_axes(self, call):
        for tensor in call.inputs:
            tensor.axes.unify(call.outputs[0].axes)

    def infer_permutations(self, call, layouts):
        output = call.outputs[0]
        joined = axis_of(call.operation, output)
        output.permutations = []
        for axis, size in enumerate(output.shape):
            orders = [tensor.permutations[axis] for tensor in call.inputs]
            if axis == joined:
                known = [order.resolve() for order in orders]
                alike = all(value is IDENTITY for value in known)
                order = Permutation(size, IDENTITY) if alike else Permutation(size, parts=orders)
                lost = next((value for value in known if isinstance(value, Unknown)), None)
                order = Permutation(size, lost) if lost else order
            else:
                problems = [orders[0].unify(other) for other in orders[1:]]
                lost = next((problem for problem in problems if problem), None)
                order = Permutation(size, lost) if lost else orders[0]
            output.permutations.append(order)
