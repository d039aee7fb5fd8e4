"""What Keras's layers cost and see: a row names both for layers that share them."""

from keras_dlnotes.reports.costs.rules import costs, costs_sequence, views
from keras_dlnotes.reports.costs.rules.costs import free
from keras_dlnotes.reports.costs.rules.moves import everything, position
from keras_dlnotes.reports.costs.rules.table import Row, keras_layers

# each output sees its own position alone; at inference
IDENTITIES = (
    *("InputLayer", "Identity", "Masking", "RepeatVector", "Embedding", "BatchNormalization"),
    *("ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "SpatialDropout*", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "ActivityRegularization", "Discretization", "Hashing"),
    *("IntegerLookup", "StringLookup", "RandomBrightness", "RandomColorDegeneration"),
    *("RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing"),
    *("RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert"),
    *("RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation"),
    *("RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
)
# those whose view is not known
OTHERS = (
    *("AdaptiveMaxPooling*", "AdaptiveAveragePooling*", "CategoryEncoding", "HashedCrossing"),
    *("TextVectorization", "CenterCrop", "RandomCrop", "AutoContrast", "MixUp", "CutMix"),
    *("AugMix", "RandAugment", "MaxNumBoundingBoxes"),
)
ROWS: list[Row] = [
    (keras_layers("Conv*"), costs.convolution, views.sliding),
    (keras_layers("DepthwiseConv*"), costs.depthwise_convolution, views.sliding),
    (keras_layers("SeparableConv*"), costs.separable_convolution, views.sliding),
    (
        ["keras_dlnotes>SpatiallySeparableConv2D"],
        costs.spatially_separable_convolution,
        views.sliding,
    ),
    (keras_layers("Conv*Transpose"), costs.transposed_convolution, views.transposed_sliding),
    (keras_layers("MaxPooling*", "AveragePooling*"), free, views.sliding),
    (["keras_dlnotes>MaxUnpooling2D"], free, views.transposed_sliding),
    (keras_layers("GlobalMaxPooling*", "GlobalAveragePooling*"), free, everything),
    (keras_layers("UpSampling*"), costs.resampling, views.up_sampling),
    (keras_layers("Resizing"), costs.resampling, None),
    (keras_layers("ZeroPadding*"), free, views.zero_padding),
    (keras_layers("Cropping*"), free, views.cropping),
    (keras_layers("Dense"), costs.dense, views.dense),
    (keras_layers("EinsumDense"), costs.einsum_dense, views.einsum_dense),
    (keras_layers("Dot"), costs.dot, everything),
    (keras_layers("Multiply"), costs.multiply, views.elementwise),
    (
        keras_layers("Add", "Subtract", "Average", "Maximum", "Minimum"),
        free,
        views.elementwise,
    ),
    (keras_layers("Concatenate"), free, views.concatenate),
    (
        keras_layers("LayerNormalization", "RMSNormalization"),
        costs.normalization_over_features,
        views.along_axes,
    ),
    (keras_layers("GroupNormalization"), costs.normalization_over_features, everything),
    (keras_layers("UnitNormalization"), costs.unit_normalization, views.along_axes),
    (keras_layers("Normalization", "Rescaling"), costs.scaling, position),
    (keras_layers("Softmax"), free, views.along_axes),
    (keras_layers("Activation"), free, views.activation),
    (keras_layers("Flatten", "Reshape"), free, views.reshape),
    (keras_layers("Permute"), free, views.permute),
    (keras_layers(*IDENTITIES), free, position),
    (keras_layers(*OTHERS), free, None),
    (keras_layers("SimpleRNNCell", "LSTMCell", "GRUCell"), costs_sequence.cell, None),
    (keras_layers("SimpleRNN", "LSTM", "GRU"), costs_sequence.recurrent, None),
    (keras_layers("RNN"), None, everything),  # its cells are counted each for itself
    (keras_layers("ConvLSTM*"), costs_sequence.convolutional_lstm, everything),
    (keras_layers("Bidirectional"), costs_sequence.merged_directions, everything),
    (keras_layers("Attention"), costs_sequence.dot_product_attention, everything),
    (keras_layers("AdditiveAttention"), costs_sequence.additive_attention, everything),
    (keras_layers("MultiHeadAttention"), costs_sequence.multi_head_attention, everything),
    (keras_layers("GroupQueryAttention"), costs_sequence.grouped_query_attention, everything),
    (keras_layers("ReversibleEmbedding"), costs_sequence.reversible_embedding, None),
]
