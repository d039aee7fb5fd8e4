"""What reshaping, transposing and slicing do to the places of values."""

import math

from keras_dlnotes.interop.place_rules import Rule, orders_of
from keras_dlnotes.interop.places import SAME, Lost, Order, Tensor


class Reshaping(Rule):
    """The values keep their row-major order; `Flatten` may bring Keras's channels behind first."""

    def arrange(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        if _mixes_batch(tensor, output):
            super().arrange(call)
            return
        if len(_long(output)) < 2 or len(_long(tensor)) < 2:
            return
        blocks = _blocks(tensor, output)
        output.arrangement.lose(tensor.arrangement.lost)
        if not tensor.arrangement.is_told and output.arrangement.said:
            back = [(theirs, ours) for ours, theirs in blocks]
            for order in output.arrangement.said:
                followed = _follow(output.squeezed(order), back)
                if followed is not None:
                    tensor.arrangement.follow({tensor.with_ones(followed)})
            return
        for order in tensor.arrangement.orders:
            followed = _follow(tensor.squeezed(order), blocks)
            if followed is None:
                output.arrangement.lose(_merged(tensor, output))
            else:
                output.arrangement.follow({output.with_ones(followed)})

    def order(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        if _mixes_batch(tensor, output):
            super().order(call, found)
            return
        ours, theirs = _long(tensor), _long(output)
        output.orders = orders_of(output.shape)
        if len(ours) < 2 and len(theirs) < 2:
            if ours and theirs:
                output.orders[theirs[0]] = tensor.orders[ours[0]]
        elif len(theirs) < 2:
            self._flatten(call, found)
        elif len(ours) < 2:
            self._unflatten(tensor, output, found)
        else:
            self._regroup(tensor, output, found)

    def _flatten(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = None
        if getattr(call.operation, "data_format", None) == "channels_first" and tensor.rank > 1:
            axes = (*range(1, tensor.rank), 0)
        value = tensor.flattened(axes)
        problems = [order.bind(SAME) for order in tensor.orders]
        lost = next((problem for problem in problems if problem), None)
        place = (_long(output) or [0])[0]
        # the layers whose features they are err where these must have another order
        sources = [order for order in tensor.orders if order.root.owned] if value is SAME else ()
        output.orders[place] = Order(output.shape[place], lost or value, sources=sources)

    @staticmethod
    def _unflatten(tensor, output, found):
        order = tensor.orders[(_long(tensor) or [0])[0]]
        value = output.flattened()
        errs_before = order.root.owned or order.root.sources
        problem = order.bind(value)
        # the layers before it err, if any: those behind it take maps as they are
        lost = None if errs_before else problem
        output.orders = [Order(size, lost or SAME, sources=[order]) for size in output.shape]

    @staticmethod
    def _regroup(tensor, output, found):
        for ours, theirs in _blocks(tensor, output):
            if len(ours) == len(theirs) == 1:
                output.orders[theirs[0]] = tensor.orders[ours[0]]
                continue
            problems = [tensor.orders[axis].bind(SAME) for axis in ours]
            lost = next((problem for problem in problems if problem), None)
            ways = {
                _follow(tensor.squeezed(o), [(ours, theirs)]) for o in tensor.arrangement.orders
            }
            if None in ways and not tensor.lies_alike():
                lost = _merged(tensor, output)
            sources = [tensor.orders[axis] for axis in ours]
            for axis in theirs:
                output.orders[axis] = Order(output.shape[axis], lost or SAME, sources=sources)


def _merged(tensor, output) -> Lost:
    return Lost(
        f"axes of {tensor.shape} that PyTorch has in another order are merged into {output.shape}"
    )


def _long(tensor: Tensor) -> list[int]:
    return [axis for axis, size in enumerate(tensor.shape) if size != 1]


def _mixes_batch(tensor: Tensor, output: Tensor) -> bool:
    if None in tensor.shape or None in output.shape:
        return (None in tensor.shape) != (None in output.shape)
    return math.prod(tensor.shape) != math.prod(output.shape)


def _blocks(tensor: Tensor, output: Tensor) -> list[tuple[list[int], list[int]]]:
    """Which axes become which: the shortest runs of as many values."""
    ours, theirs = _long(tensor), _long(output)
    behind = []
    if None in tensor.shape:  # the sizes that are equal at the end stay, all before is one run
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
    """The order of the new axes; None where merged ones do not lie side by side."""
    order = list(order)
    for ours, theirs in blocks:
        start = order.index(ours[0]) if ours else 0
        if order[start : start + len(ours)] != list(ours):
            return None
        order[start : start + len(ours)] = [("new", axis) for axis in theirs]
    return tuple(entry[1] for entry in order if isinstance(entry, tuple))


class Permuting(Rule):
    """`Permute` and `keras.ops.transpose`: to PyTorch's order, from it, or as PyTorch does too."""

    def arrange(self, call):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = _permutation(call.operation, tensor)
        if axes is None:
            super().arrange(call)
            return
        output.arrangement.lose(tensor.arrangement.lost)
        same = tuple(range(output.rank))
        if not tensor.arrangement.is_told and output.arrangement.said:
            said = output.arrangement.said
            tensor.arrangement.follow({tuple(axes[axis] for axis in order) for order in said})
            return
        for order in tensor.arrangement.orders:
            unchanged = tuple(axes.index(axis) for axis in order)
            if output.squeezed(unchanged) == output.squeezed(same):
                output.arrangement.follow({same})
            elif _stays_in_channels(order, axes):
                output.arrangement.follow({order})
            else:
                output.arrangement.follow({unchanged, order, same})

    def order(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        axes = _permutation(call.operation, tensor)
        if axes is None:
            super().order(call, found)
        else:
            output.orders = [tensor.orders[axis] for axis in axes]


def _stays_in_channels(order, axes) -> bool:
    """Whether parts of the channels alone change places, as in a shuffle of groups."""
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

    def arrange(self, call):
        kept = self._kept(call)
        if kept is None:
            super().arrange(call)
            return
        tensor, output = call.inputs[0], call.outputs[0]
        output.arrangement.lose(tensor.arrangement.lost)
        if output.rank > 1:
            places = list(kept)
            output.arrangement.follow(
                {
                    tuple(places.index(axis) for axis in order if axis in kept)
                    for order in tensor.arrangement.orders
                }
            )

    def order(self, call, found):
        kept = self._kept(call)
        if kept is None:
            super().order(call, found)
            return
        tensor, output = call.inputs[0], call.outputs[0]
        output.orders = []
        for axis, key in kept.items():
            order = tensor.orders[axis]
            if key != slice(None) and order.bind(SAME):
                reason = Lost("a part is taken of features that PyTorch has in another order")
                order = Order(output.shape[len(output.orders)], reason)
            size = output.shape[len(output.orders)]
            if key != slice(None):
                order = Order(size, order.known(), sources=[order])
            output.orders.append(order)

    @staticmethod
    def _kept(call) -> dict[int, slice] | None:
        keys = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
        keys = list(keys) if isinstance(keys, tuple) else [keys]
        if len(call.inputs) != 1:
            return None
        rank = call.inputs[0].rank + 1
        if Ellipsis in keys and all(isinstance(key, slice | int | type(Ellipsis)) for key in keys):
            place = keys.index(Ellipsis)
            keys[place : place + 1] = [slice(None)] * (rank - len(keys) + 1)
        if not all(isinstance(key, slice | int) for key in keys) or keys[0] != slice(None):
            return None
        keys += [slice(None)] * (rank - len(keys))
        return {axis: key for axis, key in enumerate(keys[1:]) if isinstance(key, slice)}


class Lengths(Rule):
    """Padding and cropping: axes that keep their size keep their entries."""

    def arrange(self, call):
        call.inputs[0].arrangement.unite(call.outputs[0].arrangement)

    def order(self, call, found):
        tensor, output = call.inputs[0], call.outputs[0]
        output.orders = orders_of(output.shape)
        for axis, order in enumerate(tensor.orders):
            if tensor.shape[axis] == output.shape[axis]:
                output.orders[axis] = order
            elif order.bind(SAME):
                reason = Lost("features that PyTorch has in another order are padded or cropped")
                output.orders[axis] = Order(output.shape[axis], reason)
