"""What layers cost and what they see: one table, which a user can extend."""

from keras_dlnotes.reports.costs.rules import layers, operations
from keras_dlnotes.reports.costs.rules.moves import Move, Window
from keras_dlnotes.reports.costs.rules.table import add_row, find_cost, find_view, rule

for row in (*layers.ROWS, *operations.ROWS):
    add_row(*row)

__all__ = ["Move", "Window", "find_cost", "find_view", "rule"]
