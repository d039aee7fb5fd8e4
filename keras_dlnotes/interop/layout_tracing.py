"""The layouts of the features of each layer in PyTorch, inferred on the graph of a model."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from keras_dlnotes import layers
from keras_dlnotes.common.calls import FoldTime, UnfoldTime
from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import children
from keras_dlnotes.interop.calls import Call, calls_of
from keras_dlnotes.interop.layout import IDENTITY, Permutation, Unknown
from keras_dlnotes.interop.layout_rules import (
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
from keras_dlnotes.interop.reshaping_rules import Lengths, Permuting, Reshaping, Slicing
from keras_dlnotes.interop.window_rules import Folding, GlobalPooling, Reduction, Windows


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


class Layouts:
    """The layouts of the features that each layer of a model takes and returns.

    Args:
        model: a built layer or model.
        elementwise: classes of further elementwise layers.
    """

    def __init__(self, model: keras.Layer, elementwise: Iterable[type] = ()):
        elementwise = tuple(elementwise)
        self._inputs: dict[int, Permutation] = {}
        self._outputs: dict[int, Permutation] = {}
        self._problems: dict[int, Unknown] = {}
        self._reached: dict[
            int, tuple[int, int]
        ] = {}  # number of the first call, bits of those before
        self._inside: dict[int, Unknown] = {}
        self._around: dict[int, int] = {}
        self._constants: dict[int, Unknown] = {}
        calls = calls_of(model, lambda operation: _find(operation, elementwise) is not None)
        rules = [(call.inputs and _find(call.operation, elementwise)) or Rule() for call in calls]
        self._sort(calls)
        tensors = [t for call in calls for t in (*call.inputs, *call.outputs)]
        for _ in range(4):  # declarations propagate backwards
            for tensor in tensors:
                tensor.axes.root.reset()
            for call, rule in zip(calls, rules, strict=True):
                rule.infer_axes(call)
        for call, rule in zip(calls, rules, strict=True):
            for tensor in call.inputs:
                tensor.permutations = tensor.permutations or [
                    Permutation(size, IDENTITY, is_input=True) for size in tensor.shape
                ]
            rule.infer_permutations(call, self)

    # called by rules

    def set_inputs(self, layer, order: Permutation) -> None:
        """The layer's weights take features in this order."""
        self._note(self._inputs, layer, order)

    def set_outputs(self, layer, order: Permutation) -> None:
        """The layer's weights return features in this order."""
        self._note(self._outputs, layer, order)

    def _note(self, table, layer, order):
        problem = table.setdefault(id(layer), order).unify(order)
        if problem:  # called twice
            self.mark_unknown(layer, problem)

    def require_identity(self, layer, order: Permutation) -> None:
        """The layer's weights take features in Keras's order alone."""
        problem = order.bind(IDENTITY)
        if problem:
            self.mark_unknown(layer, problem)

    def mark_unknown(self, layer, reason: Unknown) -> None:
        self._problems.setdefault(id(layer), reason)

    def mark_constant(self, constant, reason: Unknown) -> None:
        self._constants.setdefault(id(constant), reason)

    # results

    def input_permutation(self, layer):
        """Returns the permutation of the features that the layer takes, or Unknown."""
        return self._known(self._inputs, layer)

    def output_permutation(self, layer):
        """Returns the permutation of the features that the layer returns, or Unknown."""
        return self._known(self._outputs, layer)

    def _known(self, table, layer):
        if id(layer) in self._problems:
            return self._problems[id(layer)]
        if _has_features(layer):
            if id(layer) in self._inside:
                return self._inside[id(layer)]
            if id(layer) not in self._reached and id(layer) not in self._around:
                return Unknown("the model never calls it on its own")
        order = table.get(id(layer))
        return IDENTITY if order is None else order.resolve_free()

    def unknown_constant(self, variables) -> Unknown | None:
        """Returns why weights that are constants of operations cannot be loaded."""
        reasons = (self._constants.get(id(variable)) for variable in variables)
        return next((reason for reason in reasons if reason), None)

    def precedes(self, one: keras.Layer, two: keras.Layer) -> bool:
        """Returns whether the second layer depends on the first."""
        first, second = (self._around.get(id(layer), id(layer)) for layer in (one, two))
        if first == second or first not in self._reached or second not in self._reached:
            return False
        number, _ = self._reached[first]
        return bool(self._reached[second][1] >> number & 1)

    def declare(self, layer: keras.Layer, inputs=None, outputs=None) -> None:
        """Sets what the user says: shapes of channels-last feature maps, or IDENTITY."""
        self._problems.pop(id(layer), None)
        self._inside.pop(id(layer), None)
        for table, shape in ((self._inputs, inputs), (self._outputs, outputs)):
            if shape is None:
                continue
            order = table.setdefault(id(layer), Permutation(None))
            value: str | np.ndarray = IDENTITY
            if shape is not IDENTITY:
                size = int(np.prod(shape))
                if order.size is not None and order.size != size:
                    raise argument_error("names", f"of maps of {order.size} values", shape)
                value = np.moveaxis(np.arange(size).reshape(shape), -1, 0).reshape(-1)
            if order.root.parts:
                table[id(layer)] = Permutation(order.size, value)
            else:
                order.root.value = value  # for all that take these features

    def trust(self, operation) -> None:
        """Accepts a layer without a graph if no layer inside could reorder features."""
        inner = list(_inner(operation)) if isinstance(operation, keras.Layer) else []
        rules = [_find(layer) for layer in inner if layer.weights or _find(layer)]
        if all(isinstance(rule, Elementwise | Linear | Lookup | Sequences) for rule in rules):
            for layer in inner:
                self._inside.pop(id(layer), None)

    def _sort(self, calls: list[Call]) -> None:
        """Finds the calls before each call, and the layers inside of layers without a graph."""
        for number, call in enumerate(calls):
            before = 0
            for tensor in call.inputs:
                before |= tensor.before
            for output in call.outputs:
                output.before = before | 1 << number
            operation = call.operation
            self._reached.setdefault(id(operation), (number, before))
            if isinstance(operation, keras.Layer) and _find(operation) is None:
                reason = Unknown(
                    f"it is unknown in which order {operation.name} ({type(operation).__name__}) "
                    "calls its layers"
                )
                inner = [id(layer) for layer in _inner(operation)]
                self._inside |= dict.fromkeys(inner, reason)
                self._around |= dict.fromkeys(inner, id(operation))


def _has_features(layer) -> bool:
    """Returns whether the layer's inputs may be flattened feature maps."""
    if isinstance(layer, keras.layers.BatchNormalization) and layer.input_spec is not None:
        return layer.input_spec.ndim == 2
    return isinstance(_find(layer), Linear | Features | PReLU) or isinstance(
        layer, keras.layers.RNN | keras.layers.Bidirectional
    )


def _inner(layer) -> Iterator[keras.Layer]:
    for _, child in children(layer):
        yield child
        yield from _inner(child)
