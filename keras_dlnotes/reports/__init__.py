"""Tables, pictures and pages about any Keras model."""

from keras_dlnotes.common.extras import require

require("reports", "jinja2", "matplotlib", "pandas", "rich", "sklearn")

from keras_dlnotes.reports.activations import feature_maps, first_kernel
from keras_dlnotes.reports.costs.cost_report import Report
from keras_dlnotes.reports.costs.receptive_field import MisalignedBranchesWarning, receptive_field
from keras_dlnotes.reports.costs.receptive_fields import ReceptiveField
from keras_dlnotes.reports.costs.row import Row
from keras_dlnotes.reports.costs.rules import Window, rule
from keras_dlnotes.reports.costs.savings import savings
from keras_dlnotes.reports.costs.summary import summarize
from keras_dlnotes.reports.gradient_callback import GradientFlow
from keras_dlnotes.reports.gradient_flow import gradient_flow
from keras_dlnotes.reports.importance import hyperparameter_importance
from keras_dlnotes.reports.pages.page import Page
from keras_dlnotes.reports.pages.search_page import search_page
from keras_dlnotes.reports.plots.captions import plot_captions
from keras_dlnotes.reports.plots.classification import plot_confusion_matrix, plot_mistakes
from keras_dlnotes.reports.plots.convolution import plot_feature_maps, plot_kernels
from keras_dlnotes.reports.plots.cost_plots import plot_costs, plot_receptive_fields
from keras_dlnotes.reports.plots.error_by_length import plot_error_by_length
from keras_dlnotes.reports.plots.forecast import plot_forecasts
from keras_dlnotes.reports.plots.gradient_plot import plot_gradient_flow
from keras_dlnotes.reports.plots.image_rows import plot_image_rows
from keras_dlnotes.reports.plots.latent import latent_grid, plot_latent_grid, plot_latent_map
from keras_dlnotes.reports.plots.learning_curves import plot_learning_curves
from keras_dlnotes.reports.plots.learning_runs import plot_runs
from keras_dlnotes.reports.plots.marked_lines import plot_marked_lines
from keras_dlnotes.reports.plots.search_plots import (
    plot_importance,
    plot_parallel_coordinates,
    plot_search_progress,
)
from keras_dlnotes.reports.plots.segmentation import plot_overlays
from keras_dlnotes.reports.plots.shaded_text import plot_shaded_text

__all__ = [
    "GradientFlow",
    "MisalignedBranchesWarning",
    "Page",
    "ReceptiveField",
    "Report",
    "Row",
    "Window",
    "feature_maps",
    "first_kernel",
    "gradient_flow",
    "hyperparameter_importance",
    "latent_grid",
    "plot_captions",
    "plot_confusion_matrix",
    "plot_costs",
    "plot_error_by_length",
    "plot_feature_maps",
    "plot_forecasts",
    "plot_gradient_flow",
    "plot_image_rows",
    "plot_importance",
    "plot_kernels",
    "plot_latent_grid",
    "plot_latent_map",
    "plot_learning_curves",
    "plot_marked_lines",
    "plot_mistakes",
    "plot_overlays",
    "plot_parallel_coordinates",
    "plot_receptive_fields",
    "plot_runs",
    "plot_search_progress",
    "plot_shaded_text",
    "receptive_field",
    "rule",
    "savings",
    "search_page",
    "summarize",
]
