"""Receptive fields of random networks: what an impulse at each input position reaches."""

import warnings

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_dlnotes import layers as ours
from keras_dlnotes.reports import MisalignedBranchesWarning, receptive_field
from keras_dlnotes.reports.costs.receptive_fields import ReceptiveFields
from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.trace import trace

L = keras.layers
LENGTH = 192


def window(name, **arguments):
    weights = {} if "Pooling" in name else {"kernel_initializer": "ones", "use_bias": False}
    filters = {"filters": 1} if name.startswith("Conv") else {}
    return getattr(L, name)(**arguments, **filters, **weights)


kernels = st.integers(1, 5)
sliding = st.builds(
    lambda size, stride, padding: window(
        "Conv1D", kernel_size=size, strides=stride, padding=padding
    ),
    kernels,
    st.integers(1, 3),
    st.sampled_from(["valid", "same", "causal"]),
)
dilated = st.builds(
    lambda size, dilation, padding: window(
        "Conv1D", kernel_size=size, dilation_rate=dilation, padding=padding
    ),
    kernels,
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
)
explicit = st.builds(
    lambda size, stride, dilation, pads: ours.Conv1D(
        *(1, size, stride, (pads,)),
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="ones",
    ),
    *(kernels, st.integers(1, 3), st.integers(1, 2), st.tuples(*[st.integers(0, 3)] * 2)),
)
pooling = st.builds(
    lambda size, stride, padding: window(
        "AveragePooling1D", pool_size=size, strides=stride, padding=padding
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
)
transposed = st.builds(
    lambda stride, extra, padding: window(
        "Conv1DTranspose", kernel_size=stride + extra, strides=stride, padding=padding
    ),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from(["valid", "same"]),
)
moving = st.one_of(
    st.builds(L.UpSampling1D, st.integers(2, 3)),
    st.builds(L.ZeroPadding1D, st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.builds(L.Cropping1D, st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.builds(L.BatchNormalization),
)
chain = st.lists(
    st.one_of(sliding, dilated, explicit, pooling, transposed, moving), min_size=1, max_size=4
)
keeping = st.lists(
    st.builds(
        lambda size, dilation: window(
            "Conv1D", kernel_size=size, dilation_rate=dilation, padding="same"
        ),
        kernels,
        st.integers(1, 3),
    ),
    max_size=2,
)


@st.composite
def networks(draw) -> keras.Model:
    """Chains, branches that keep their length, and a path down and up again beside a shortcut."""
    inputs = x = keras.Input((LENGTH, 1))
    for _ in range(draw(st.integers(1, 3))):
        branches = draw(st.lists(keeping, max_size=3))
        if branches:
            outputs = []
            for branch in branches:
                y = x
                for layer in branch:
                    y = layer(y)
                outputs.append(y)
            x = L.Add()([*outputs, x]) if draw(st.booleans()) else L.Concatenate()([*outputs, x])
        if draw(st.booleans()) and x.shape[1] % 2 == 0 and x.shape[1] >= 8:
            y = window("AveragePooling1D", pool_size=2)(x)
            for layer in draw(keeping):
                y = layer(y)
            y = window("Conv1DTranspose", kernel_size=2, strides=2)(y)
            x = L.Concatenate()([x, y])
        for layer in draw(chain):
            assume(x.shape[1] >= 16)
            x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None, derandomize=True)
@given(networks())
def test_an_impulse_reaches_the_outputs_whose_field_holds_it(model):
    """The network is linear with positive weights, so no path cancels another."""
    traced = trace(model, None)
    [tracked] = ReceptiveFields(traced).of(traced.outputs[0]).values()
    outputs = keras.ops.convert_to_numpy(model(np.eye(LENGTH)[:, :, None], training=False))
    reached = outputs.sum(axis=-1).T > 0
    inside = [
        position
        for position in range(len(reached))
        if tracked.first(position) >= LENGTH // 3 and tracked.last(position) < LENGTH * 2 // 3
    ]
    assume(inside)
    for position in inside:
        seen = np.flatnonzero(reached[position])
        assert (tracked.first(position), tracked.last(position)) == (seen[0], seen[-1]), position
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MisalignedBranchesWarning)
        field = receptive_field(model)
    assert max(map(np.count_nonzero, reached[inside])) <= field.size[0]
    assert field.start == (tracked.first(0),)


def test_progressions_follow_one_another():
    halves, triple = Progression((0, 0), 1), Progression.linear(3, -1)
    for outer in (halves, triple):
        for inner in (halves, triple):
            both = outer.after(inner)
            assert [both(n) for n in range(-9, 9)] == [outer(inner(n)) for n in range(-9, 9)]
    least = halves.merged(Progression((-1, 1), 1), min)
    assert [least(n) for n in range(4)] == [-1, 0, 0, 1]
