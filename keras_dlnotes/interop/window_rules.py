"""What convolutions, pooling and means over axes do to the places of values."""

from keras_dlnotes.interop.place_rules import Rule, orders_of
from keras_dlnotes.interop.places import SAME, Order, Tensor, first


def channel_axis(operation, tensor: Tensor) -> int:
    return 0 if getattr(operation, "data_format", None) == "channels_first" else tensor.rank - 1


class Windows(Rule):
    """Convolutions, pooling and what else has maps: channels stay apart from lengths."""

    def __init__(self, has_weights: bool = False):
        self.has_weights = has_weights

    def arrange(self, call):
        for tensor in (*call.inputs[:1], *call.outputs):
            axis = channel_axis(call.operation, tensor)
            tensor.arrangement.say(first(tensor.rank, axis))

    def order(self, call, found):
        tensor = call.inputs[0]
        order = tensor.orders[channel_axis(call.operation, tensor)]
        if self.has_weights:
            found.need_same(call.operation, order)
        for output in call.outputs:
            output.orders = orders_of(output.shape)
            axis = channel_axis(call.operation, output)
            if self.has_weights:
                order = Order(output.shape[axis], SAME, owned=True)
                found.make(call.operation, order)
            output.orders[axis] = order


class GlobalPooling(Rule):
    def arrange(self, call):
        output = call.outputs[0]
        if output.rank > 1:
            output.arrangement.say(first(output.rank, channel_axis(call.operation, output)))

    def order(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        output.orders = orders_of(output.shape)
        kept = tensor.orders[channel_axis(call.operation, tensor)]
        output.orders[channel_axis(call.operation, output)] = kept


class Reduction(Rule):
    """`keras.ops.mean` and the like."""

    def arrange(self, call):
        kept = self._kept(call)
        output = call.outputs[0]
        if kept is None or output.rank < 2:
            return
        tensor = call.inputs[0]
        output.arrangement.lose(tensor.arrangement.lost)
        if call.operation.keepdims:
            output.arrangement.follow(tensor.arrangement.orders)
        else:
            follow = {
                tuple(kept.index(axis) for axis in order if axis in kept)
                for order in tensor.arrangement.orders
            }
            output.arrangement.follow(follow)

    def order(self, call, found):
        kept, output = self._kept(call), call.outputs[0]
        output.orders = orders_of(output.shape)
        if kept is None:
            return
        for place, axis in enumerate(kept):
            place = axis if call.operation.keepdims else place
            output.orders[place] = call.inputs[0].orders[axis]

    @staticmethod
    def _kept(call):
        tensor, axes = call.inputs[0], call.operation.axis
        if axes is None:
            return None
        axes = axes if isinstance(axes, list | tuple) else [axes]
        reduced = {axis % (tensor.rank + 1) - 1 for axis in axes}
        return None if -1 in reduced else [a for a in range(tensor.rank) if a not in reduced]


class Folding(Rule):
    """What `TimeDistributed` does before and behind its layer."""

    def __init__(self, unfolds: bool):
        self.unfolds = unfolds

    def arrange(self, call):
        outer, inner = call.inputs[0], call.outputs[0]
        if self.unfolds:
            outer, inner = inner, outer
            known = {(0, *(axis + 1 for axis in order)) for order in inner.arrangement.orders}
            outer.arrangement.follow(known)
            outer.arrangement.lose(inner.arrangement.lost)
            return
        inner.arrangement.lose(outer.arrangement.lost)
        # an input of videos is taken for what the layer inside makes of each image
        said = inner.arrangement.said
        outer.arrangement.say(*((0, *(axis + 1 for axis in order)) for order in said))
        if outer.arrangement.is_told:
            known = {order for order in outer.arrangement.orders if order[0] == 0}
            inner.arrangement.follow({tuple(axis - 1 for axis in order[1:]) for order in known})

    def order(self, call, found):
        taken, made = call.inputs[0], call.outputs[0]
        if self.unfolds:
            made.orders = [Order(made.shape[0], SAME), *taken.orders]
        else:
            made.orders = list(taken.orders[1:])
