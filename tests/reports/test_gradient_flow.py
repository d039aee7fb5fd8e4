"""The flow of the gradient: against the notes' product of Jacobians, and flags that can be told."""

import keras
import numpy as np
import pytest

from keras_dlnotes import reports
from keras_dlnotes.reports import GradientFlow, feature_maps, gradient_flow, plot_gradient_flow
from keras_dlnotes.reports.autodiff import gradients

L = keras.layers
T, D, U = 6, 3, 4


def batch(*shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def constant(tensor):
    """A tensor of the same value that does not depend on anything."""
    return keras.ops.convert_to_tensor(keras.ops.convert_to_numpy(tensor))


def norms(frame, layer=None) -> np.ndarray:
    return np.asarray(frame["norm"][frame["layer"] == layer] if layer else frame["norm"])


def test_it_is_the_product_of_the_jacobians_of_the_notes():
    """∂L/∂h_t = ∂L/∂h_T Π_{j>t} diag(1 − h_j²) W_hhᵀ for h_t = tanh(x_t W_xh + h_{t−1} W_hh)."""
    inputs = batch(2, T, D)
    layer = L.SimpleRNN(U, return_sequences=True, name="rnn")
    hidden = keras.ops.convert_to_numpy(layer(inputs)).astype("float64")
    model = keras.Sequential([keras.Input((T, D)), layer, L.Lambda(lambda h: h[:, -1])])
    weights = np.asarray(layer.get_weights()[1], "float64")
    upstream = hidden[:, -1]  # the gradient of ½Σh²
    expected = [np.linalg.norm(upstream)]
    for step in range(T - 1, 0, -1):
        upstream = (upstream * (1 - hidden[:, step] ** 2)) @ weights.T
        expected.insert(0, np.linalg.norm(upstream))
    frame = gradient_flow(model, inputs, loss=lambda h: keras.ops.sum(h**2) / 2)
    np.testing.assert_allclose(norms(frame), expected, rtol=1e-5)
    np.testing.assert_allclose(frame["ratio"], np.asarray(expected) / expected[-1], rtol=1e-5)
    assert list(frame["step"]) == list(range(T))
    assert set(frame["layer"]) == {"rnn"}


@pytest.mark.parametrize("layer_class", [L.SimpleRNN, L.LSTM, L.GRU])
def test_it_is_the_gradient_of_what_follows_from_each_state(layer_class):
    """Each h_t is moved by hand, and the rest of the sequence is run from there."""
    inputs, steps = batch(1, T, D), []
    layer = layer_class(U, return_state=True, name="rnn")
    layer(inputs)
    direction = keras.ops.convert_to_tensor(batch(1, U))

    def rest(start, hidden, others):
        states = [hidden, *others]
        output = layer(inputs[:, start:], initial_state=states)[0] if start < T else hidden
        return keras.ops.sum(output * direction)

    for step in range(T):
        _, hidden, *others = map(constant, layer(inputs[:, : step + 1]))
        [gradient] = gradients(lambda h, s=step, o=others: rest(s + 1, h[0], o), [hidden])
        steps.append(np.linalg.norm(gradient))
    entrance = keras.Input((T, D))
    model = keras.Model(entrance, layer(entrance)[0])
    frame = gradient_flow(model, inputs, loss=lambda h: keras.ops.sum(h * direction))
    np.testing.assert_allclose(norms(frame), steps, rtol=1e-4)


@pytest.mark.parametrize(("weight", "flag"), [(0.1, "vanishing"), (1.0, ""), (10.0, "exploding")])
def test_vanishing_and_exploding_are_flagged_with_their_number(weight, flag):
    layer = L.SimpleRNN(
        1, activation=None, recurrent_initializer=keras.initializers.Constant(weight)
    )
    model = keras.Sequential([keras.Input((T, 1)), layer])
    frame = gradient_flow(model, np.ones((1, T, 1), "float32"))
    np.testing.assert_allclose(frame["ratio"], weight ** np.arange(T - 1, -1, -1.0), rtol=1e-5)
    assert frame["flag"][0] == flag
    assert frame["flag"][T - 1] == ""
    milder = gradient_flow(model, np.ones((1, T, 1), "float32"), vanishing=1e-9, exploding=1e9)
    assert set(milder["flag"]) == {""}


def test_a_deep_stack_is_looked_at_layer_by_layer():
    inputs = batch(5, D)
    stack = [L.Dense(4, activation="tanh", name=f"layer_{number}") for number in range(3)]
    model = keras.Sequential([keras.Input((D,)), *stack])
    frame = gradient_flow(model, inputs, loss=lambda y: keras.ops.sum(y**2) / 2)
    outputs = [inputs]
    for layer in stack:
        outputs.append(keras.ops.convert_to_numpy(layer(outputs[-1])))
    upstream, expected = outputs[-1], []
    for layer, output in zip(stack[::-1], outputs[:0:-1], strict=True):
        expected.insert(0, np.linalg.norm(upstream))
        upstream = (upstream * (1 - output**2)) @ layer.get_weights()[0].T
    np.testing.assert_allclose(norms(frame), expected, rtol=1e-5)
    assert list(frame["layer"]) == ["layer_0", "layer_1", "layer_2"]
    assert frame["step"].isna().all()


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_nested_bidirectional_masked_and_stacked_layers():
    words = keras.Input((None,), dtype="int32")
    x = L.Embedding(10, D, mask_zero=True)(words)
    inner = keras.Input((None, D))
    encoder = keras.Model(inner, L.GRU(U, name="gru")(inner), name="encoder")
    both = L.Bidirectional(L.LSTM(D, return_sequences=True, name="lstm"), "sum", name="both")
    stack = L.RNN([L.LSTMCell(U), L.GRUCell(2)], name="stack", return_sequences=True)
    flat = L.Concatenate()([L.LSTM(2, name="last")(stack(both(x))), encoder(both(x))])
    model = keras.Model(words, L.Dense(2)(flat))
    frame = gradient_flow(model, np.array([[1, 2, 3, 0], [4, 5, 0, 0]]))
    layers = list(dict.fromkeys(frame["layer"]))
    assert {"both/forward_lstm", "both/backward_lstm", "stack", "last", "encoder/gru"} <= {*layers}
    assert "both/forward_lstm (call 2)" in layers
    for layer in layers:
        rows = frame[frame["layer"] == layer]
        assert len(rows) == 4
        enters = 0 if "backward" in layer else 2
        assert rows["ratio"].iloc[enters] == 1
    assert norms(frame, "last")[3] == 0 and frame["flag"][frame["step"] == 3].eq("").all()


def test_probes_leave_the_outputs_as_they_are():
    """The loss that the probed run sees is that of the model."""
    inputs, seen = batch(2, T, D), []
    entrance = keras.Input((T, D))
    x = L.Bidirectional(L.GRU(U, return_sequences=True))(entrance)
    model = keras.Model(entrance, L.Dense(2)(L.LSTM(U, go_backwards=True)(x)))

    def loss(outputs):
        seen.append(keras.ops.convert_to_numpy(keras.ops.stop_gradient(outputs)))
        return keras.ops.sum(outputs)

    gradient_flow(model, inputs, loss=loss)
    np.testing.assert_allclose(seen[-1], model.predict(inputs, verbose=0), rtol=1e-5, atol=1e-6)


def test_targets_take_the_compiled_loss_or_a_named_one():
    inputs, targets = batch(4, T, D), batch(4, 1)
    model = keras.Sequential([keras.Input((T, D)), L.LSTM(U), L.Dense(1)])
    with pytest.raises(ValueError, match="`loss` must be given with targets of a model that"):
        gradient_flow(model, inputs, targets)
    named = gradient_flow(model, inputs, targets, loss="mse")
    model.compile("sgd", "mse")
    compiled = gradient_flow(model, inputs, targets)
    np.testing.assert_allclose(norms(named), norms(compiled), rtol=1e-5)


@pytest.mark.parametrize("by", ["step", "layer"])
def test_looking_changes_no_variable(by):
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(2, T, D)),
            L.BatchNormalization(),
            L.LSTM(U, stateful=True, return_sequences=True),
            L.Dropout(0.5),
            L.Dense(1),
        ]
    )
    variables = [*model.variables, *model.layers[1].states]
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    for training in (False, True):
        gradient_flow(model, batch(2, T, D), by=by, training=training)
    feature_maps(model, batch(2, T, D), [model.layers[1].name])
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def test_layers_act_as_in_training_by_layer_too():
    model = keras.Sequential([keras.Input((1000,)), L.Activation("linear"), L.Dropout(0.5)])
    still, dropped = (
        gradient_flow(model, np.ones((1, 1000)), by="layer", training=training)
        for training in (False, True)
    )
    assert norms(still)[0] == pytest.approx(norms(still)[1])
    assert norms(dropped)[0] == pytest.approx(np.sqrt(2) * norms(dropped)[1], rel=0.1)


def test_what_it_can_not_look_at_is_refused():
    dense = keras.Sequential([keras.Input((D,)), L.Dense(2)])
    with pytest.raises(
        ValueError, match="`model` must be one with a recurrent layer for by='step'"
    ):
        gradient_flow(dense, batch(2, D), by="step")
    with pytest.raises(ValueError, match="`by` must be one of 'step', 'layer'"):
        gradient_flow(dense, batch(2, D), by="epoch")
    with pytest.raises(ValueError, match="`model` must be a Functional or Sequential model"):
        gradient_flow(keras.Sequential([L.Dense(2)]), batch(2, D))
    with pytest.raises(ValueError, match="`loss` must be a function of the outputs"):
        gradient_flow(dense, batch(2, D), loss="mse")


def test_the_callback_follows_training_and_writes_for_tensorboard(tmp_path):
    inputs, targets = batch(4, T, D), batch(4, 1)
    model = keras.Sequential([keras.Input((T, D)), L.LSTM(U, name="lstm"), L.Dense(1)])
    model.compile("sgd", "mse")
    flow = GradientFlow(inputs, targets, log_dir=tmp_path, every=2)
    model.fit(inputs, targets, epochs=4, verbose=0, callbacks=[flow])
    assert list(flow.frames) == [1, 3]
    after = gradient_flow(model, inputs, targets)
    np.testing.assert_allclose(norms(flow.frames[3]), norms(after), rtol=1e-5)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(tmp_path / "gradient_flow")).Reload()
    assert sorted(events.Tags()["tensors"]) == [
        f"gradient_flow/lstm/{name}" for name in ("norm", "ratio")
    ]
    [_, last] = events.Tensors("gradient_flow/lstm/ratio")
    assert last.step == 3
    value = make_ndarray(last.tensor_proto)
    assert value == pytest.approx(after["ratio"].min(), rel=1e-5)
    with pytest.raises(ValueError, match="`every` must be an integer ≥ 1"):
        GradientFlow(inputs, every=0)


def test_the_picture_has_a_line_a_layer_and_holes_for_zeros():
    figure = plot_gradient_flow({"lstm": [0.1, 0.0, 0.4], "gru": [1.0, 2.0, 3.0]})
    [axes] = figure.axes
    first, second = axes.get_lines()
    np.testing.assert_array_equal(first.get_ydata(), [0.1, np.nan, 0.4])
    assert second.get_label() == "gru"
    assert axes.get_yscale() == "log" and axes.get_xlabel() == "time step"
    with pytest.raises(ValueError, match="`norms` must be a non-empty mapping"):
        plot_gradient_flow({})
    with pytest.raises(ValueError, match=r"`norms\['a'\]` must be numbers ≥ 0"):
        plot_gradient_flow({"a": [-1.0]})


def test_it_is_part_of_the_public_names():
    assert reports.gradient_flow is gradient_flow
