"""What layers cost and what they see: one table, which a user can extend."""

from keras_dlnotes.reports.costs.rules import (
    costs,
    costs_operations,
    costs_sequence,
    views,
    views_operations,
)
from keras_dlnotes.reports.costs.rules.table import Move, Window, find_cost, find_view, rule

# These fill the table where they are imported.
TABLES = (costs, costs_operations, costs_sequence, views, views_operations)

__all__ = ["TABLES", "Move", "Window", "find_cost", "find_view", "rule"]
