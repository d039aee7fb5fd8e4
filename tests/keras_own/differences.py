"""Where ours is meant to differ from Keras's layers in Keras's own tests, and why.

A test is named by its file, class and name. Whatever is not listed has to come out alike, and what
is listed has to differ.
"""

_SIZES = "names the argument, what was expected and what came, as every check of ours does"
_EMPTY = "names the window and the padded length that is too short for it"

WORDED = {
    "conv_test.py::ConvBasicTest::test_bad_init_args": _SIZES,
    "conv_transpose_test.py::ConvTransposeBasicTest::test_bad_init_args": _SIZES,
    "depthwise_conv_test.py::DepthwiseConvBasicTest::test_bad_init_args": _SIZES,
    "depthwise_conv_test.py::DepthwiseConvBasicTest::test_invalid_output_shape_raises": _EMPTY,
    "separable_conv_test.py::SeparableConvBasicTest::test_bad_init_args": _SIZES,
    "separable_conv_test.py::SeparableConvBasicTest::test_invalid_output_shape_raises": _EMPTY,
}

# errors of Keras that ours has no need of, by their beginning
_DILATED = "`strides > 1` not supported in conjunction with `dilation_rate > 1`"

ANSWERED = {
    "conv_test.py::ConvBasicTest::test_bad_init_args": _DILATED,
    "conv_transpose_test.py::ConvTransposeBasicTest::test_bad_init_args": _DILATED,
}

_GRU = "reset_after=False, the notes' GRU, where Keras's default is True"

# with the notes' defaults alone
BY_DEFAULT = {
    "bidirectional_test.py::SimpleRNNTest::test_correctness": _GRU,
    "bidirectional_test.py::SimpleRNNTest::test_fused_gru_eligibility": _GRU,
    "bidirectional_test.py::SimpleRNNTest::test_keeps_use_cudnn": f"{_GRU}; cuDNN has no other",
    "bidirectional_test.py::SimpleRNNTest::test_masking": _GRU,
    "gru_test.py::GRUTest::test_correctness0": _GRU,
    "gru_test.py::GRUTest::test_correctness1": _GRU,
    "gru_test.py::GRUTest::test_legacy_implementation_argument": _GRU,
    "gru_test.py::GRUTest::test_masking": _GRU,
    "gru_test.py::GRUTest::test_pass_initial_state": _GRU,
    "gru_test.py::GRUTest::test_pass_return_state": _GRU,
    "gru_test.py::GRUTest::test_statefulness": _GRU,
}
