"""Where the features of each layer lie in PyTorch, found on the graph of a model."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from keras_dlnotes import layers
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import children
from keras_dlnotes.interop.graph import Call, FoldTime, UnfoldTime, calls_of
from keras_dlnotes.interop.place_maps import Folding, GlobalPooling, Reduction, Windows
from keras_dlnotes.interop.place_moves import Lengths, Permuting, Reshaping, Slicing
from keras_dlnotes.interop.place_rules import (
    Elementwise,
    Features,
    Joining,
    Linear,
    Lookup,
    PReLU,
    Repeat,
    Rescaling,
    Rule,
    Sequences,
    Weighted,
)
from keras_dlnotes.interop.places import SAME, Lost, Order


def _keras(*names: str) -> list[type]:
    """Keras's layers of these names, "*" for 1D, 2D and 3D; a version of Keras may lack one."""
    every = [name.replace("*", f"{rank}D") for name in names for rank in (1, 2, 3)]
    return [getattr(keras.layers, name) for name in every if hasattr(keras.layers, name)]


_ELEMENTWISE = (
    "Activation ReLU LeakyReLU ELU Softmax Identity Masking ActivityRegularization Dropout "
    "SpatialDropout* GaussianDropout GaussianNoise AlphaDropout UnitNormalization Add Subtract "
    "Multiply Average Maximum Minimum"
)
_CONVOLUTIONS = "Conv* Conv*Transpose DepthwiseConv* SeparableConv*"
_WINDOWS = "MaxPooling* AveragePooling* AdaptiveMaxPooling* AdaptiveAveragePooling* UpSampling*"
_LAYERS: dict[type, Rule] = {
    **dict.fromkeys(_keras(*_ELEMENTWISE.split()), Elementwise()),
    **dict.fromkeys(_keras("BatchNormalization", "GroupNormalization"), Features(True)),
    **dict.fromkeys(_keras("LayerNormalization", "RMSNormalization"), Features(False)),
    **dict.fromkeys(_keras(*_CONVOLUTIONS.split()), Windows(has_weights=True)),
    layers.SpatiallySeparableConv2D: Windows(has_weights=True),
    **dict.fromkeys(_keras(*_WINDOWS.split(), "Resizing"), Windows()),
    layers.MaxUnpooling2D: Windows(),
    **dict.fromkeys(_keras("GlobalMaxPooling*", "GlobalAveragePooling*"), GlobalPooling()),
    **dict.fromkeys(_keras("ZeroPadding*", "Cropping*"), Lengths()),
    **dict.fromkeys(_keras("Flatten", "Reshape"), Reshaping()),
    keras.layers.Permute: Permuting(),
    keras.layers.Concatenate: Joining(),
    keras.layers.RepeatVector: Repeat(),
    keras.layers.Rescaling: Rescaling(),
    keras.layers.PReLU: PReLU(),
    keras.layers.Dense: Linear(),
    keras.layers.Embedding: Lookup(),
    **dict.fromkeys(_keras("RNN", "Bidirectional", "MultiHeadAttention"), Sequences()),
    FoldTime: Folding(unfolds=False),
    UnfoldTime: Folding(unfolds=True),
}
_ELEMENTWISE_OPERATIONS = (
    "Abs Absolute Add Cast Ceil Celu Clip ConvertToTensor Cos Cosh Divide DivideNoNan Elu "
    "Equal Erf Exp Exp2 Expm1 Floor FloorDivide Gelu Greater GreaterEqual HardShrink "
    "HardSigmoid HardSilu HardTanh Identity LeakyRelu Less LessEqual Log Log1p LogSigmoid "
    "LogSoftmax LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Multiply NanToNum "
    "Negative Normalize NotEqual Power Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign "
    "Silu Sin Sinh SoftShrink Softmax Softplus Softsign SparsePlus Sqrt Square SquarePlus "
    "Squareplus StopGradient Subtract Tan Tanh TanhShrink Threshold TrueDivide Where"
)
_REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Amax", "Amin", "Var", "Std", "Prod")
_OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE_OPERATIONS.split(), Elementwise()),
    **dict.fromkeys(_REDUCTIONS, Reduction()),
    **dict.fromkeys(["Reshape", "Squeeze", "ExpandDims"], Reshaping()),
    **dict.fromkeys(["Transpose", "Moveaxis", "Swapaxes"], Permuting()),
    **dict.fromkeys(["MaxPool", "AveragePool", "Resize"], Windows()),
    "Concatenate": Joining(),
    "GetItem": Slicing(),
    "Pad": Lengths(),
}


def _find(operation, elementwise=()) -> Rule | None:
    if not isinstance(operation, keras.Layer | FoldTime | UnfoldTime):
        return _OPERATIONS.get(type(operation).__name__)
    for kind in type(operation).__mro__:
        if kind in elementwise:
            return Weighted()
        if kind in _LAYERS:
            return _LAYERS[kind]
    return None


class Places:
    """Where the features lie that each layer of a model takes and makes.

    Args:
        model: a built layer or model.
        elementwise: classes of further layers that change each value in its place.
    """

    def __init__(self, model: keras.Layer, elementwise: Iterable[type] = ()):
        elementwise = tuple(elementwise)
        self._taken: dict[int, Order] = {}
        self._made: dict[int, Order] = {}
        self._problems: dict[int, Lost] = {}
        self._reached: dict[int, tuple[int, int]] = {}  # number of the first call, those before it
        self._inside: dict[int, Lost] = {}
        self._around: dict[int, int] = {}
        self._constants: dict[int, Lost] = {}
        calls = calls_of(model, lambda operation: _find(operation, elementwise) is not None)
        rules = [(call.inputs and _find(call.operation, elementwise)) or Rule() for call in calls]
        self._sort(calls)
        tensors = [t for call in calls for t in (*call.inputs, *call.outputs)]
        for _ in range(4):  # what is said behind a tensor reaches those before it
            for tensor in tensors:
                tensor.arrangement.root.forget()
            for call, rule in zip(calls, rules, strict=True):
                rule.arrange(call)
        for call, rule in zip(calls, rules, strict=True):
            for tensor in call.inputs:
                tensor.orders = tensor.orders or [
                    Order(size, SAME, given=True) for size in tensor.shape
                ]
            rule.order(call, self)

    # what rules say

    def take(self, layer, order: Order) -> None:
        """The layer has weights for features that lie in this order."""
        self._note(self._taken, layer, order)

    def make(self, layer, order: Order) -> None:
        """The layer's weights give features in this order."""
        self._note(self._made, layer, order)

    def _note(self, table, layer, order):
        problem = table.setdefault(id(layer), order).unite(order)
        if problem:  # called twice
            self.problem(layer, problem)

    def need_same(self, layer, order: Order) -> None:
        """The layer's weights are for features in Keras's order alone."""
        problem = order.bind(SAME)
        if problem:
            self.problem(layer, problem)

    def problem(self, layer, reason: Lost) -> None:
        self._problems.setdefault(id(layer), reason)

    def problem_of_constant(self, constant, reason: Lost) -> None:
        self._constants.setdefault(id(constant), reason)

    # what is asked

    def taken(self, layer):
        """The order of the features that the layer takes: an array, SAME or Lost."""
        return self._known(self._taken, layer)

    def made(self, layer):
        """The order of the features that the layer makes, likewise."""
        return self._known(self._made, layer)

    def _known(self, table, layer):
        if id(layer) in self._problems:
            return self._problems[id(layer)]
        if _has_features(layer):
            if id(layer) in self._inside:
                return self._inside[id(layer)]
            if id(layer) not in self._reached and id(layer) not in self._around:
                return Lost("the model does not call it where it is only applied")
        order = table.get(id(layer))
        return SAME if order is None else order.settled()

    def lost(self, variables) -> Lost | None:
        """Why weights that are constants of operations cannot be loaded."""
        reasons = (self._constants.get(id(variable)) for variable in variables)
        return next((reason for reason in reasons if reason), None)

    def precedes(self, one: keras.Layer, two: keras.Layer) -> bool:
        """Whether what the first layer makes reaches the second."""
        first, second = (self._around.get(id(layer), id(layer)) for layer in (one, two))
        if first == second or first not in self._reached or second not in self._reached:
            return False
        number, _ = self._reached[first]
        return bool(self._reached[second][1] >> number & 1)

    def state(self, layer: keras.Layer, taken=None, made=None) -> None:
        """Takes the user's word for shapes of channels-last maps, or SAME."""
        self._problems.pop(id(layer), None)
        self._inside.pop(id(layer), None)
        for table, shape in ((self._taken, taken), (self._made, made)):
            if shape is None:
                continue
            order = table.setdefault(id(layer), Order(None))
            value = SAME
            if shape is not SAME:
                size = int(np.prod(shape))
                if order.size is not None and order.size != size:
                    raise argument_error("names", f"of maps of {order.size} values", shape)
                value = np.moveaxis(np.arange(size).reshape(shape), -1, 0).reshape(-1)
            if order.root.parts:
                table[id(layer)] = Order(order.size, value)
            else:
                order.root.value = value  # for all that take these features

    def trust(self, operation) -> None:
        """What cannot be looked into has no layers inside that could rearrange anything."""
        inner = list(_inner(operation)) if isinstance(operation, keras.Layer) else []
        rules = [_find(layer) for layer in inner if layer.weights or _find(layer)]
        if all(isinstance(rule, Elementwise | Linear | Lookup | Sequences) for rule in rules):
            for layer in inner:
                self._inside.pop(id(layer), None)

    def _sort(self, calls: list[Call]) -> None:
        """Finds what comes before each call, and the layers in what cannot be looked into."""
        for number, call in enumerate(calls):
            before = 0
            for tensor in call.inputs:
                before |= tensor.before
            for output in call.outputs:
                output.before = before | 1 << number
            operation = call.operation
            self._reached.setdefault(id(operation), (number, before))
            if isinstance(operation, keras.Layer) and _find(operation) is None:
                reason = Lost(
                    f"nothing says in which order {operation.name} ({type(operation).__name__}) "
                    "calls its layers"
                )
                inner = [id(layer) for layer in _inner(operation)]
                self._inside |= dict.fromkeys(inner, reason)
                self._around |= dict.fromkeys(inner, id(operation))


def _has_features(layer) -> bool:
    """Whether the layer's weights are for features that may have been maps."""
    if isinstance(layer, keras.layers.BatchNormalization) and layer.input_spec is not None:
        return layer.input_spec.ndim == 2
    return isinstance(_find(layer), Linear | Features | PReLU) or isinstance(
        layer, keras.layers.RNN | keras.layers.Bidirectional
    )


def _inner(layer) -> Iterator[keras.Layer]:
    for _, child in children(layer):
        yield child
        yield from _inner(child)
