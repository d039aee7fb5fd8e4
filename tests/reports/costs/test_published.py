"""Published multiplications and receptive fields of well-known networks."""

import time
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from keras_dlnotes import reports

# Multiply-adds, published as
#   VGG-16, Inception v3, DenseNet-121, MobileNet v2, EfficientNet-B0: torchvision.models, `_ops` of
#     the metadata of the weights, in billions (15.47, 5.713, 2.834, 0.301, 0.386);
#   ResNet-50, with strides in the 1×1 convolutions as in Keras: Hu et al., "Squeeze-and-Excitation
#     Networks", arXiv 1709.01507, section 4 and table 2 (3.86 billion; VGG-16 there has 15.47);
#   MobileNet v1: Howard et al., "MobileNets", arXiv 1704.04861, table 6 (569 million).
COUNTS = {
    "VGG16": 15.47e9,
    "ResNet50": 3.86e9,
    "InceptionV3": 5.713e9,
    "DenseNet121": 2.834e9,
    "MobileNet": 569e6,
    "MobileNetV2": 301e6,
    "EfficientNetB0": 386e6,
}
# Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
# 2019: the table of receptive fields, effective strides and paddings, as read in the README of the
# authors' google-research/receptive_field. Keras's ResNet pads by layers of their own, which moves
# the start and leaves the size.
FIELDS = {
    "VGG16": ("block5_pool", 212, 32, 90),
    "MobileNet": ("conv_pw_13_relu", 315, 32, 126),
    "ResNet50": ("conv5_block3_out", 483, 32, None),
    "InceptionV3": ("mixed10", 1311, 32, 618),
    "InceptionResNetV2": ("conv_7b_ac", 3039, 32, 1482),
}


def of_application(name, look, **settings):
    """Looks at a network of keras.applications whose weights have shapes, but no values.

    Keras would make the values up later, in the same thread.
    """

    def found():
        with keras.StatelessScope(initialize_variables=False):
            return look(getattr(keras.applications, name)(weights=None, **settings))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(found).result()


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    report, parameters = of_application(name, lambda m: (reports.summarize(m), m.count_params()))
    assert report.total.multiplications == pytest.approx(COUNTS[name], rel=0.01)
    assert report.total.parameters == parameters
    assert report.unknown == []
    assert all(row.multiplications is not None for row in report.rows)
    if name == "VGG16":
        assert report.total.multiplications == 15_470_264_320
        assert report.total.parameters == 138_357_544
        assert report.total.flops == 30_940_528_640


@pytest.mark.thorough
def test_a_large_network_is_counted_in_a_moment():
    def timed(model):
        start = time.perf_counter()
        report = reports.summarize(model)
        return report.total.parameters - model.count_params(), time.perf_counter() - start

    difference, seconds = of_application("EfficientNetB7", timed)
    assert difference == 0
    assert seconds < 10


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", FIELDS)
def test_receptive_fields(name):
    layer, size, stride, padding = FIELDS[name]
    field = of_application(
        name, lambda model: reports.receptive_field(model, layer), include_top=False
    )
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    if padding is not None:
        assert field.start == (-padding, -padding)
