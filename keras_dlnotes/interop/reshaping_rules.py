"""The layouts behind reshaping, transposing, slicing, padding and cropping."""

import math

from keras_dlnotes.interop.layout import IDENTITY, Permutation, Tensor, Unknown
from keras_dlnotes.interop.layout_rules import Rule, identities


class Reshaping(Rule):
    """Values keep their row-major order; `Flatten` may move the channels to the end first."""

    def infer_axes(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        if _mixes_batch(tensor, output):
            super().infer_axes(call)
            return
        if len(_long(output)) < 2 or len(_long(tensor)) < 2:
            return
        blocks = _blocks(tensor, output)
        output.axes.mark_unknown(tensor.axes.unknown)
        if not tensor.axes.is_known and output.axes.declared:
            back = [(theirs, ours) for ours, theirs in blocks]
            for order in output.axes.declared:
                followed = _follow(output.squeezed(order), back)
                if followed is not None:
                    tensor.axes.infer({tensor.with_ones(followed)})
            return
        for order in tensor.axes.candidates:
            followed = _follow(tensor.squeezed(order), blocks)
            if followed is None:
                output.axes.mark_unknown(_merged(tensor, output))
            else:
                output.axes.infer({output.with_ones(followed)})

    def infer_permutations(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        if _mixes_batch(tensor, output):
            super().infer_permutations(call, layouts)
            return
        ours, theirs = _long(tensor), _long(output)
        output.permutations = identities(output.shape)
        if len(ours) < 2 and len(theirs) < 2:
            if ours and theirs:
                output.permutations[theirs[0]] = tensor.permutations[ours[0]]
        elif len(theirs) < 2:
            self._flatten(call, layouts)
        elif len(ours) < 2:
            self._unflatten(tensor, output, layouts)
        else:
            self._regroup(tensor, output, layouts)

    def _flatten(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = None
        if getattr(call.operation, "data_format", None) == "channels_first" and tensor.rank > 1:
            axes = (*range(1, tensor.rank), 0)
        value = tensor.flattened_permutation(axes)
        problems = [order.bind(IDENTITY) for order in tensor.permutations]
        lost = next((problem for problem in problems if problem), None)
        target = (_long(output) or [0])[0]
        # a conflict belongs to the layers that made these features
        sources = (
            [order for order in tensor.permutations if order.root.from_weights]
            if value is IDENTITY
            else ()
        )
        output.permutations[target] = Permutation(
            output.shape[target], lost or value, sources=sources
        )

    @staticmethod
    def _unflatten(tensor, output, layouts):
        order = tensor.permutations[(_long(tensor) or [0])[0]]
        value = output.flattened_permutation()
        errs_before = order.root.from_weights or order.root.sources
        problem = order.bind(value)
        # the conflict belongs to the layers before it, if any: those after it take maps as they are
        lost = None if errs_before else problem
        output.permutations = [
            Permutation(size, lost or IDENTITY, sources=[order]) for size in output.shape
        ]

    @staticmethod
    def _regroup(tensor, output, layouts):
        for ours, theirs in _blocks(tensor, output):
            if len(ours) == len(theirs) == 1:
                output.permutations[theirs[0]] = tensor.permutations[ours[0]]
                continue
            problems = [tensor.permutations[axis].bind(IDENTITY) for axis in ours]
            lost = next((problem for problem in problems if problem), None)
            ways = {_follow(tensor.squeezed(o), [(ours, theirs)]) for o in tensor.axes.candidates}
            if None in ways and not tensor.has_same_layout():
                lost = _merged(tensor, output)
            sources = [tensor.permutations[axis] for axis in ours]
            for axis in theirs:
                output.permutations[axis] = Permutation(
                    output.shape[axis], lost or IDENTITY, sources=sources
                )


def _merged(tensor, output) -> Unknown:
    return Unknown(
        f"axes of {tensor.shape} that PyTorch has in another order are merged into {output.shape}"
    )


def _long(tensor: Tensor) -> list[int]:
    return [axis for axis, size in enumerate(tensor.shape) if size != 1]


def _mixes_batch(tensor: Tensor, output: Tensor) -> bool:
    if None in tensor.shape or None in output.shape:
        return (None in tensor.shape) != (None in output.shape)
    return _size(tensor, _long(tensor)) != _size(output, _long(output))


def _blocks(tensor: Tensor, output: Tensor) -> list[tuple[list[int], list[int]]]:
    """Returns which axes become which: the shortest runs with equally many values."""
    ours, theirs = _long(tensor), _long(output)
    behind: list[tuple[list[int], list[int]]] = []
    if None in tensor.shape:  # equal sizes at the end stay, all axes before are one run
        while len(ours) > 1 and len(theirs) > 1 and tensor.shape[ours[-1]] is not None:
            if tensor.shape[ours[-1]] != output.shape[theirs[-1]]:
                break
            behind.insert(0, ([ours.pop()], [theirs.pop()]))
        return [(ours, theirs), *behind]
    blocks = []
    while ours:
        one, two = [ours.pop(0)], [theirs.pop(0)]
        while (first := _size(tensor, one)) != (second := _size(output, two)):
            if first < second:
                one.append(ours.pop(0))
            else:
                two.append(theirs.pop(0))
        blocks.append((one, two))
    return blocks


def _size(tensor, axes) -> int:
    return math.prod(tensor.shape[axis] for axis in axes)


def _follow(order, blocks) -> tuple[int, ...] | None:
    """Returns the order of the new axes; None if merged ones are not adjacent."""
    order = list(order)
    for ours, theirs in blocks:
        start = order.index(ours[0]) if ours else 0
        if order[start : start + len(ours)] != list(ours):
            return None
        order[start : start + len(ours)] = [("new", axis) for axis in theirs]
    return tuple(entry[1] for entry in order if isinstance(entry, tuple))


class Permuting(Rule):
    """`Permute` and `keras.ops.transpose`: to PyTorch's order, from it, or as PyTorch does too."""

    def infer_axes(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = _permutation(call.operation, tensor)
        if axes is None:
            super().infer_axes(call)
            return
        output.axes.mark_unknown(tensor.axes.unknown)
        same = tuple(range(output.rank))
        if not tensor.axes.is_known and output.axes.declared:
            said = output.axes.declared
            tensor.axes.infer({tuple(axes[axis] for axis in order) for order in said})
            return
        for order in tensor.axes.candidates:
            unchanged = tuple(axes.index(axis) for axis in order)
            if output.squeezed(unchanged) == output.squeezed(same):
                output.axes.infer({same})
            elif _stays_in_channels(order, axes):
                output.axes.infer({order})
            else:
                output.axes.infer({unchanged, order, same})

    def infer_permutations(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = _permutation(call.operation, tensor)
        if axes is None:
            super().infer_permutations(call, layouts)
        else:
            output.permutations = [tensor.permutations[axis] for axis in axes]


def _stays_in_channels(order, axes) -> bool:
    """Whether axes within the channels alone are permuted, as in a channel shuffle."""
    rank = len(order)
    for count in range(2, rank):
        lengths = tuple(range(rank - count))
        if order == (*range(rank - count, rank), *lengths):
            return tuple(axes[: rank - count]) == lengths
    return False


def _permutation(operation, tensor) -> list[int] | None:
    """The axes without the batch, or None where the batch moves or they are not known."""
    rank = tensor.rank + 1
    axes = list(range(rank))
    if hasattr(operation, "dims"):
        axes = [0, *operation.dims]
    elif hasattr(operation, "axis1"):
        one, two = operation.axis1 % rank, operation.axis2 % rank
        axes[one], axes[two] = axes[two], axes[one]
    elif hasattr(operation, "source"):
        sources = [axis % rank for axis in operation.source]
        targets = [axis % rank for axis in operation.destination]
        axes = [axis for axis in axes if axis not in sources]
        for target, source in sorted(zip(targets, sources, strict=True)):
            axes.insert(target, source)
    else:
        axes = operation.axes and [axis % rank for axis in operation.axes]
    if not axes or axes[0] != 0:
        return None
    return [axis - 1 for axis in axes[1:]]


class Slicing(Rule):
    """`x[:, 0]` and the like."""

    def infer_axes(self, call):
        kept = self._kept(call)
        if kept is None:
            super().infer_axes(call)
            return
        tensor, output = call.inputs[0], call.outputs[0]
        output.axes.mark_unknown(tensor.axes.unknown)
        if output.rank > 1:
            kept_axes = list(kept)
            output.axes.infer(
                {
                    tuple(kept_axes.index(axis) for axis in order if axis in kept)
                    for order in tensor.axes.candidates
                }
            )

    def infer_permutations(self, call, layouts):
        kept = self._kept(call)
        if kept is None:
            super().infer_permutations(call, layouts)
            return
        tensor, output = call.inputs[0], call.outputs[0]
        output.permutations = []
        for axis, key in kept.items():
            order = tensor.permutations[axis]
            if key != slice(None) and order.bind(IDENTITY):
                reason = Unknown("a part is taken of features that PyTorch has in another order")
                order = Permutation(output.shape[len(output.permutations)], reason)
            size = output.shape[len(output.permutations)]
            if key != slice(None):
                order = Permutation(size, order.resolve(), sources=[order])
            output.permutations.append(order)

    @staticmethod
    def _kept(call) -> dict[int, slice] | None:
        keys = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
        keys = list(keys) if isinstance(keys, tuple) else [keys]
        if len(call.inputs) != 1:
            return None
        rank = call.inputs[0].rank + 1
        if Ellipsis in keys and all(isinstance(key, slice | int | type(Ellipsis)) for key in keys):
            index = keys.index(Ellipsis)
            keys[index : index + 1] = [slice(None)] * (rank - len(keys) + 1)
        if not all(isinstance(key, slice | int) for key in keys) or keys[0] != slice(None):
            return None
        keys += [slice(None)] * (rank - len(keys))
        return {axis: key for axis, key in enumerate(keys[1:]) if isinstance(key, slice)}


class Lengths(Rule):
    """Padding and cropping: axes that keep their size keep their entries."""

    def infer_axes(self, call):
        call.inputs[0].axes.unify(call.outputs[0].axes)

    def infer_permutations(self, call, layouts):
        tensor, output = call.inputs[0], call.outputs[0]
        output.permutations = identities(output.shape)
        for axis, order in enumerate(tensor.permutations):
            if tensor.shape[axis] == output.shape[axis]:
                output.permutations[axis] = order
            elif order.bind(IDENTITY):
                reason = Unknown("features that PyTorch has in another order are padded or cropped")
                output.permutations[axis] = Permutation(output.shape[axis], reason)
