"""What a model costs, every kind of model unfolded."""

import keras
import numpy as np
import pytest

from keras_dlnotes import reports

L = keras.layers


def rows(model, *arguments, **keywords) -> dict:
    report = reports.summarize(model, *arguments, **keywords)
    assert report.total.parameters == model.count_params()
    return {row.name: row for row in report.rows}


def test_a_row_says_what_a_layer_costs():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            L.Conv2D(4, 3, name="conv"),
            L.MaxPooling2D(name="pool"),
            L.Flatten(name="flat"),
            L.Dense(2, name="dense"),
        ]
    )
    table = rows(model)
    assert list(table) == ["conv", "pool", "flat", "dense"]
    assert table["conv"] == reports.Row(
        name="conv",
        kind="Conv2D",
        output_shape=(None, 6, 6, 4),
        parameters=3 * 3 * 3 * 4 + 4,
        multiplications=3 * 3 * 3 * 6 * 6 * 4,
        activation_bytes=6 * 6 * 4 * 4,
        receptive_field=(3, 3),
        stride=(1, 1),
        calls=1,
    )
    assert table["conv"].flops == 2 * table["conv"].multiplications
    assert (table["pool"].receptive_field, table["pool"].stride) == ((4, 4), (2, 2))
    assert (table["pool"].multiplications, table["flat"].multiplications) == (0, 0)
    assert table["dense"].receptive_field == (None, None)


def test_nested_models_are_unfolded():
    encoder = keras.Sequential([keras.Input((6,)), L.Dense(3, name="code")], name="encoder")
    outer = keras.Input((6,))
    model = keras.Model(outer, L.Dense(6, name="decode")(encoder(outer)))
    table = rows(model)
    assert list(table) == ["encoder/code", "decode"]
    assert [row.multiplications for row in table.values()] == [18, 18]


def test_a_shared_layer_is_one_row_with_all_its_calls():
    shared, twin = L.Dense(4, name="shared"), keras.Input((3,))
    inputs = keras.Input((3,))
    model = keras.Model([inputs, twin], L.Add(name="sum")([shared(inputs), shared(twin)]))
    table = rows(model)
    assert (table["shared"].calls, table["shared"].multiplications) == (2, 2 * 12)
    assert table["shared"].parameters == 16
    nested = keras.Sequential([keras.Input((4,)), L.Dense(4, name="inner")], name="nested")
    outer = keras.Input((4,))
    table = rows(keras.Model(outer, nested(nested(outer))))
    assert (table["nested/inner"].calls, table["nested/inner"].multiplications) == (2, 32)


def test_wrappers_are_unfolded():
    inputs = keras.Input((5, 3))
    x = L.TimeDistributed(L.Dense(4, name="dense"), name="each")(inputs)
    x = L.Bidirectional(L.LSTM(2, name="lstm", return_sequences=True), name="both")(x)
    x = L.RNN([L.GRUCell(3, name="first"), L.SimpleRNNCell(2, name="second")], name="stack")(x)
    table = rows(keras.Model(inputs, x))
    assert list(table) == [
        *("each/dense", "both/forward_lstm", "both/backward_lstm"),
        *("stack/first", "stack/second"),
    ]
    assert table["each/dense"].multiplications == 5 * 12
    assert table["both/backward_lstm"].multiplications == 5 * (8 * (4 + 2) + 6)


class Scaled(L.Layer):
    """A layer that multiplies by weights of its own, and by a layer's."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = L.Dense(4, name="dense")

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.matrix = self.add_weight(shape=(4, 5), name="matrix")

    def call(self, inputs):
        return keras.ops.relu(self.dense(inputs) @ self.matrix) * 2


def test_a_layer_made_of_layers_and_operations_is_looked_into():
    model = keras.Sequential([keras.Input((3,)), Scaled(name="scaled")])
    table = rows(model)
    assert list(table) == ["scaled/dense", "scaled"]
    assert (table["scaled"].parameters, table["scaled"].multiplications) == (20, 4 * 5 + 5)
    assert table["scaled"].output_shape == (None, 5)
    assert table["scaled/dense"].multiplications == 12


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.convolution, self.head = L.Conv2D(2, 3, padding="same", name="conv"), Scaled(name="s")

    def call(self, inputs):
        features = self.convolution(inputs)
        return self.head(keras.ops.mean(features + inputs, axis=(1, 2)))


def test_a_subclassed_model_is_looked_into_and_built():
    model = Subclassed()
    with pytest.raises(ValueError, match="`input_shape` must be given for a model that is not bui"):
        reports.summarize(model)
    table = rows(model, (6, 6, 2))
    assert list(table) == ["conv", "s/dense", "s"]
    assert table["conv"].receptive_field == (3, 3)
    assert table["conv"].multiplications == 3 * 3 * 2 * 36 * 2
    outputs = model(np.ones((1, 6, 6, 2)))
    assert outputs.shape == (1, 5), "looking into it left it as it was"


def test_an_unbuilt_sequential_model_is_built():
    table = rows(keras.Sequential([L.Dense(4, name="a"), L.Dense(2, name="b")]), (3,))
    assert [row.multiplications for row in table.values()] == [12, 8]


class Opaque(L.Layer):
    """What can't be called on tensors without values."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1],))

    def call(self, inputs):
        return inputs * float(keras.ops.convert_to_numpy(inputs).mean())

    def compute_output_shape(self, input_shape):
        return input_shape


def test_a_layer_without_a_rule_is_unknown_and_never_zero():
    model = keras.Sequential(
        [keras.Input((8, 1)), Opaque(name="opaque"), L.Conv1D(1, 3, name="conv")]
    )
    report = reports.summarize(model)
    assert report.unknown == ["opaque"]
    opaque, conv = report.rows
    assert (opaque.multiplications, opaque.flops, opaque.parameters) == (None, None, 1)
    assert (opaque.receptive_field, conv.receptive_field) == (None, None)
    assert report.total.multiplications == conv.multiplications == 18
    assert "unknown" in report.to_markdown()
    assert "Not counted, because there is no rule for them: opaque." in report.to_markdown()


def test_a_rule_of_the_users_own_counts():
    class Own(Opaque):
        pass

    @reports.rule(Own, sees="position")
    def own(layer, input_shape, output_shape):
        assert (input_shape, output_shape) == ((1, 8, 3), (1, 8, 3))
        return output_shape[1] * output_shape[2]

    report = reports.summarize(keras.Sequential([keras.Input((8, 3)), Own(name="own")]))
    assert report.unknown == []
    assert report.rows[0].multiplications == 24
    assert report.rows[0].receptive_field == (1,)


def test_a_matrix_that_two_layers_share_counts_once():
    words = keras.Input((5,), dtype="int32")
    embedding = L.ReversibleEmbedding(11, 4, name="words")
    model = keras.Model(words, embedding(embedding(words), reverse=True))
    table = rows(model)
    assert (table["words"].parameters, table["words"].multiplications) == (44, 5 * 4 * 11)


def test_lengths_that_a_model_leaves_open_are_arguments():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, L.LSTM(2, name="lstm")(inputs))
    with pytest.raises(
        ValueError, match=r"`input_shape` must be given with all its lengths.*'lstm'"
    ):
        reports.summarize(model)
    one_step = 8 * (3 + 2) + 6
    assert rows(model, (7, 3))["lstm"].multiplications == 7 * one_step
    assert rows(model, (7, 3), batch_size=4)["lstm"].multiplications == 4 * 7 * one_step


def test_several_inputs_take_their_shapes_by_place_or_name():
    left, right = keras.Input((None, 3), name="left"), keras.Input((None, 3), name="right")
    model = keras.Model([left, right], L.Attention(name="attention")([left, right]))
    for shape in ([(4, 3), (5, 3)], {"right": (5, 3), "left": (4, 3)}):
        assert rows(model, shape)["attention"].multiplications == 4 * 5 * 6


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((9, 4), r"of the form \(None, 3\), as the model's input 'x' is. Received: .*\(9, 4\)"),
        ((9,), r"of the form \(None, 3\)"),
        ((0, 3), "lengths ≥ 1 without the batch"),
        ("9,3", "lengths ≥ 1 without the batch"),
        ([(9, 3), (9, 3)], "one shape for each of the 1 inputs"),
        ({"y": (9, 3)}, r"a shape for each of the inputs \['x'\]"),
    ],
)
def test_bad_shapes_are_refused(shape, message):
    inputs = keras.Input((None, 3), name="x")
    model = keras.Model(inputs, L.Dense(2)(inputs))
    with pytest.raises(ValueError, match=f"`input_shape` must be {message}"):
        reports.summarize(model, shape)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`model` must be a Keras model"):
        reports.summarize("vgg16")
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    with pytest.raises(ValueError, match="`batch_size` must be an integer ≥ 1"):
        reports.summarize(model, batch_size=0)
    with pytest.raises(ValueError, match="a shape that the model can be built for"):
        reports.summarize(keras.Sequential([L.Conv2D(2, 9)]), (3,))
