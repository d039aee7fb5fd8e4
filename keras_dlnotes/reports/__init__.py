"""Tables, pictures and pages about any Keras model."""

from keras_dlnotes.reports.activations import feature_maps, first_kernel
from keras_dlnotes.reports.classification import plot_confusion_matrix, plot_mistakes
from keras_dlnotes.reports.convolution import plot_feature_maps, plot_kernels
from keras_dlnotes.reports.learning_curves import plot_learning_curves
from keras_dlnotes.reports.page import Page

__all__ = [
    "Page",
    "feature_maps",
    "first_kernel",
    "plot_confusion_matrix",
    "plot_feature_maps",
    "plot_kernels",
    "plot_learning_curves",
    "plot_mistakes",
]
