"""The layouts behind convolutions, pooling and reductions over axes."""

from keras_dlnotes.interop.layout import IDENTITY, Permutation, Tensor, channels_first
from keras_dlnotes.interop.layout_rules import Rule, identities


def channel_axis(operation, tensor: Tensor) -> int:
    return 0 if getattr(operation, "data_format", None) == "channels_first" else tensor.rank - 1


class Windows(Rule):
    """Convolutions, pooling and other layers of feature maps."""

    def __init__(self, has_weights: bool = False):
        self.has_weights = has_weights

    def infer_axes(self, call):
        for tensor in (*call.inputs[:1], *call.outputs):
            axis = channel_axis(call.operation, tensor)
            tensor.axes.declare(channels_first(tensor.rank, axis))

    def infer_permutations(self, call, layouts):
        tensor = call.inputs[0]
        order = tensor.permutations[channel_axis(call.operation, tensor)]
        if self.has_weights:
            layouts.require_identity(call.operation, order)
        for output in call.outputs:
            output.permutations = identities(output.shape)
            axis = channel_axis(call.operation, output)
            if self.has_weights:
                order = Permutation(output.shape[axis], IDENTITY, from_weights=True)
                layouts.set_outputs(call.operation, order)
            output.permutations[axis] = order


class GlobalPooling(Rule):
    def infer_axes(self, call):
        output = call.outputs[0]
        if output.rank > 1:
            output.axes.declare(channels_first(output.rank, channel_axis(call.operation, output)))

    def infer_permutations(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        output.permutations = identities(output.shape)
        kept = tensor.permutations[channel_axis(call.operation, tensor)]
        output.permutations[channel_axis(call.operation, output)] = kept


class Reduction(Rule):
    """`keras.ops.mean` and the like."""

    def infer_axes(self, call):
        kept = self._kept(call)
        output = call.outputs[0]
        if kept is None or output.rank < 2:
            return
        tensor = call.inputs[0]
        output.axes.mark_unknown(tensor.axes.unknown)
        if call.operation.keepdims:
            output.axes.infer(tensor.axes.candidates)
        else:
            follow = {
                tuple(kept.index(axis) for axis in order if axis in kept)
                for order in tensor.axes.candidates
            }
            output.axes.infer(follow)

    def infer_permutations(self, call, layouts):
        kept, output = self._kept(call), call.outputs[0]
        output.permutations = identities(output.shape)
        if kept is None:
            return
        for target, axis in enumerate(kept):
            target = axis if call.operation.keepdims else target
            output.permutations[target] = call.inputs[0].permutations[axis]

    @staticmethod
    def _kept(call):
        tensor, axes = call.inputs[0], call.operation.axis
        if axes is None:
            return None
        axes = axes if isinstance(axes, list | tuple) else [axes]
        reduced = {axis % (tensor.rank + 1) - 1 for axis in axes}
        return None if -1 in reduced else [a for a in range(tensor.rank) if a not in reduced]


class Folding(Rule):
    """What `TimeDistributed` does before and after its layer."""

    def __init__(self, unfolds: bool):
        self.unfolds = unfolds

    def infer_axes(self, call):
        outer, inner = call.inputs[0], call.outputs[0]
        if self.unfolds:
            outer, inner = inner, outer
            known = {(0, *(axis + 1 for axis in order)) for order in inner.axes.candidates}
            outer.axes.infer(known)
            outer.axes.mark_unknown(inner.axes.unknown)
            return
        inner.axes.mark_unknown(outer.axes.unknown)
        # the layer inside determines the layout of each frame
        said = inner.axes.declared
        outer.axes.declare(*((0, *(axis + 1 for axis in order)) for order in said))
        if outer.axes.is_known:
            known = {order for order in outer.axes.candidates if order[0] == 0}
            inner.axes.infer({tuple(axis - 1 for axis in order[1:]) for order in known})

    def infer_permutations(self, call, layouts):
        taken, made = call.inputs[0], call.outputs[0]
        if self.unfolds:
            made.permutations = [Permutation(made.shape[0], IDENTITY), *taken.permutations]
        else:
            made.permutations = list(taken.permutations[1:])
