"""What layers and operations do to the places of values: axes in `arrange`, entries in `order`.

`arrange` is called for all calls in turn, more than once; then `order`, once.
"""

import keras
import numpy as np

from keras_dlnotes.interop.places import SAME, Lost, Order, Tensor, first, last


def orders_of(shape) -> list[Order]:
    return [Order(size, SAME) for size in shape]


def axis_of(operation, tensor: Tensor, name: str = "axis", default: int = -1) -> int:
    """An axis as Keras counts it, without the batch; -1 for the batch itself."""
    axis = getattr(operation, name, default)
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return axis % (tensor.rank + 1) - 1


class Rule:
    """The rule of what nobody knows: what lies alike in both lies alike behind it."""

    def arrange(self, call):
        alike = all(tensor.lies_alike() for tensor in call.inputs if tensor.rank > 1)
        for output in call.outputs:
            if alike:
                output.arrangement.follow({tuple(range(output.rank))})
            else:
                output.arrangement.lose(self._reason(call))

    def order(self, call, found):
        alike = all(tensor.lies_alike() for tensor in (*call.inputs, *call.outputs))
        taken = [order for tensor in call.inputs for order in tensor.orders]
        reason = self._reason(call)
        for order in taken:
            alike &= order.settled() is SAME
        if alike:
            found.trust(call.operation)
        elif any(order.settled() is not SAME for order in taken):
            found.problem(call.operation, reason)  # it may have weights of its own
        for order in taken:
            if order.known() is None:
                order.bind(SAME if alike else reason)
        for output in call.outputs:
            value = reason if not alike and output.rank == 1 else SAME
            output.orders = [Order(size, value, sources=taken, why=reason) for size in output.shape]

    def _reason(self, call):
        kind = type(call.operation).__name__
        return Lost(f"nothing says what {call.operation.name} ({kind}) does to the order")


class Elementwise(Rule):
    """Each value is changed in its place, or values of several tensors at the same place."""

    def arrange(self, call):
        for output in call.outputs:
            for tensor in call.inputs:
                if tensor.rank == output.rank:
                    tensor.arrangement.unite(output.arrangement)

    def order(self, call, found):
        for output in call.outputs:
            output.orders = [Order(size) for size in output.shape]
            for tensor in call.inputs:
                self._unite(tensor, output)
            for constant in call.constants:
                self._pin(constant, output, found)

    @staticmethod
    def _unite(tensor, output):
        for back in range(1, min(tensor.rank, output.rank) + 1):
            if tensor.shape[-back] == output.shape[-back]:
                problem = tensor.orders[-back].unite(output.orders[-back])
                if problem:
                    output.orders[-back] = Order(output.shape[-back], problem)

    @staticmethod
    def _pin(constant, output, found):
        """A constant for each feature has them in Keras's order."""
        for back, size in enumerate(reversed(tuple(constant.shape)), 1):
            if back <= output.rank and size != 1 and output.orders[-back].bind(SAME):
                reason = Lost("constants, one for each feature, meet features of another order")
                output.orders[-back] = Order(size, reason)
                found.problem_of_constant(constant, reason)


class Weighted(Elementwise):
    """A layer of the user's own that changes each value in its place."""

    def order(self, call, found):
        super().order(call, found)
        for weight in call.operation.weights:
            self._pin(weight, call.outputs[0], found)


class Rescaling(Elementwise):
    def order(self, call, found):
        super().order(call, found)
        for name in ("scale", "offset"):
            self._pin(np.asarray(getattr(call.operation, name)), call.outputs[0], found)


class Features(Elementwise):
    """Normalizations: each feature has numbers of its own."""

    def __init__(self, channels_first: bool):
        self.channels_first = channels_first

    def arrange(self, call):
        super().arrange(call)
        tensor = call.inputs[0]
        axis = axis_of(call.operation, tensor)
        if tensor.rank > 1 and axis >= 0:
            way = first if self.channels_first else last
            tensor.arrangement.say(way(tensor.rank, axis))
            if not self.channels_first:
                # PyTorch's program may bring the channels of maps behind for this, and back
                tensor.arrangement.follow({tensor.arrangement.usual})

    def order(self, call, found):
        super().order(call, found)
        tensor, layer = call.inputs[0], call.operation
        order = call.outputs[0].orders[axis_of(layer, tensor)]
        groups = getattr(layer, "groups", 1)
        if groups not in (1, -1, order.size) and order.bind(SAME):
            order = Order(order.size, Lost("groups are of neighbours, which are others in PyTorch"))
            call.outputs[0].orders[axis_of(layer, tensor)] = order
        found.take(layer, order)


class PReLU(Elementwise):
    def order(self, call, found):
        super().order(call, found)
        found.take(call.operation, call.outputs[0].orders[-1])


class Linear(Rule):
    """`Dense`: its rows are its inputs' features, its columns may come to be maps."""

    def arrange(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        if tensor.rank > 1:
            # PyTorch's program may bring the channels of maps behind for this, and back
            tensor.arrangement.follow({tensor.arrangement.usual})
            output.arrangement.follow(tensor.arrangement.orders)
            tensor.arrangement.say(tuple(range(tensor.rank)))
            output.arrangement.say(tuple(range(output.rank)))

    def order(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        found.take(call.operation, tensor.orders[-1])
        output.orders = orders_of(output.shape)
        output.orders[-1] = Order(output.shape[-1], None if output.rank == 1 else SAME, owned=True)
        found.make(call.operation, output.orders[-1])


class Lookup(Rule):
    """`Embedding`."""

    def arrange(self, call):
        for output in call.outputs:
            output.arrangement.say(tuple(range(output.rank)))

    def order(self, call, found):
        for output in call.outputs:
            output.orders = orders_of(output.shape)
            output.orders[-1].owned = True
            found.make(call.operation, output.orders[-1])


class Sequences(Rule):
    """Recurrent layers and attention: features last in PyTorch, too."""

    def arrange(self, call):
        for tensor in (*call.inputs, *call.outputs):
            if tensor.rank > 1:
                tensor.arrangement.say(tuple(range(tensor.rank)))

    def order(self, call, found):
        layer, attends = call.operation, isinstance(call.operation, keras.layers.MultiHeadAttention)
        for number, tensor in enumerate(call.inputs):
            if number == 0 and not attends:
                found.take(layer, tensor.orders[-1])
                continue
            if tensor.rank:
                found.need_same(layer, tensor.orders[-1])
        for output in call.outputs:
            output.orders = orders_of(output.shape)
            if output.rank:
                output.orders[-1].owned = True
                found.make(layer, output.orders[-1])


class Repeat(Rule):
    """`RepeatVector`."""

    def arrange(self, call):
        pass

    def order(self, call, found):
        output = call.outputs[0]
        output.orders = [Order(output.shape[0], SAME), call.inputs[0].orders[-1]]


class Joining(Rule):
    """`Concatenate`."""

    def arrange(self, call):
        for tensor in call.inputs:
            tensor.arrangement.unite(call.outputs[0].arrangement)

    def order(self, call, found):
        output = call.outputs[0]
        joined = axis_of(call.operation, output)
        output.orders = []
        for axis, size in enumerate(output.shape):
            orders = [tensor.orders[axis] for tensor in call.inputs]
            if axis == joined:
                known = [order.known() for order in orders]
                alike = all(value is SAME for value in known)
                order = Order(size, SAME) if alike else Order(size, parts=orders)
                lost = next((value for value in known if isinstance(value, Lost)), None)
                order = Order(size, lost) if lost else order
            else:
                problems = [orders[0].unite(other) for other in orders[1:]]
                lost = next((problem for problem in problems if problem), None)
                order = Order(size, lost) if lost else orders[0]
            output.orders.append(order)
