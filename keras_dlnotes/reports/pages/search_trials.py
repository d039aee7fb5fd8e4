"""The trials of a search, read from its table of a row for every trial, execution and epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_dlnotes.common.checks import argument_error, path, sequence

if TYPE_CHECKING:
    import pandas

COLUMNS = ("trial", "status", "execution", "epoch")
PRUNED = "PRUNED"  # the status of a trial that ended early, since others were better
COMPLETE = ("COMPLETED", PRUNED)


@dataclass(frozen=True)
class Trial:
    """One trial: its hyperparameters, its status and its best value, NaN where it has none.

    The best value is that of each execution's best epoch, averaged over the executions as
    KerasTuner does it; `epochs` are these epochs, the first being 1. `curve` is the mean by epoch.
    """

    name: str
    status: str
    hyperparameters: dict[str, Any]
    best: float
    epochs: tuple[int, ...]
    curve: np.ndarray

    @property
    def is_complete(self) -> bool:
        """Whether the trial is complete and has a value."""
        return self.status.upper() in COMPLETE and bool(np.isfinite(self.best))


def read_trials(
    frame: "pandas.DataFrame | str | PathLike",
    objective: str,
    direction: str,
    hyperparameters: Sequence[str] | None = None,
) -> list[Trial]:
    """Returns the trials of a table, in the order of their first rows."""
    frame = _read(frame)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].map(str)
        raise argument_error(
            "frame", "a table of columns with one name each", list(twice), part="repeated columns"
        )
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        expected = f"a table with the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}"
        raise argument_error("frame", expected, list(frame.columns), part="columns")
    if not len(frame):
        raise argument_error("frame", "a table of at least one row", frame)
    others = [name for name in frame.columns if name not in COLUMNS]
    if objective not in others:
        expected = f"one of the metrics in the columns {', '.join(others) or 'of none'}"
        raise argument_error("objective", expected, objective)
    frame = frame.assign(
        **{name: _numbers(frame, name) for name in ("epoch", objective)},
        execution=frame["execution"].fillna(0),
    )
    groups = list(frame.groupby("trial", sort=False, dropna=False))
    if hyperparameters is None:
        names = [name for name in others if _is_hyperparameter(name, objective, others, groups)]
    else:
        names = sequence("hyperparameters", hyperparameters, "names of columns")
        _check_hyperparameters(names, others, groups)
    if np.any(frame["epoch"] < 0) or np.any(frame["epoch"] % 1 > 0):
        raise argument_error("frame", "a table with whole numbers ≥ 0 in 'epoch'", frame)
    if frame["epoch"].min() == 0:
        frame["epoch"] += 1
        groups = list(frame.groupby("trial", sort=False, dropna=False))
    return [_trial(name, rows, objective, direction, names) for name, rows in groups]


def _read(frame: Any) -> "pandas.DataFrame":
    import pandas

    if isinstance(frame, str | PathLike):
        # "None" and "NA" are values of hyperparameters, and "0003" is the name of a trial.
        missing = ["", "nan", "NaN"]
        try:
            return pandas.read_csv(
                path("frame", frame), dtype={"trial": str}, keep_default_na=False, na_values=missing
            )
        except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeError) as error:
            raise argument_error("frame", "a table, as CSV", frame, str(error)) from error
    if not isinstance(frame, pandas.DataFrame):
        raise argument_error("frame", "a DataFrame or the path of a CSV file", frame)
    return frame


def _numbers(frame: "pandas.DataFrame", name: str) -> "pandas.Series":
    import pandas

    try:
        return pandas.to_numeric(frame[name]).astype("float64")
    except (TypeError, ValueError) as error:
        raise argument_error(
            "frame", f"a table with numbers in {name!r}", frame, str(error)
        ) from error


def _is_hyperparameter(name: str, objective: str, others: Sequence[str], groups: list) -> bool:
    """Tells whether a column has one value a trial and is neither a metric nor a tuner's own note.

    Such a note is "tuner/epochs" of Hyperband.
    """
    is_metric = name in (objective, "loss") or name.startswith("val_") or f"val_{name}" in others
    return not (is_metric or name.startswith("tuner/")) and _is_constant(name, groups)


def _is_constant(name: str, groups: list) -> bool:
    return all(rows[name].dropna().nunique() <= 1 for _, rows in groups)


def _check_hyperparameters(names: Sequence[str], others: Sequence[str], groups: list) -> None:
    for name in names:
        if name not in others:
            expected = f"columns of the table: {', '.join(others)}"
            raise argument_error("hyperparameters", expected, name)
        if not _is_constant(name, groups):
            expected = "columns of one value a trial"
            raise argument_error("hyperparameters", expected, name, part="a changing column")


def _trial(
    name: Any, rows: "pandas.DataFrame", objective: str, direction: str, names: Sequence[str]
) -> Trial:
    status = rows["status"].dropna()
    known = rows[np.isfinite(rows[objective]) & rows["epoch"].notna()]
    executions = known.groupby("execution")[objective]
    best = known.loc[executions.idxmin() if direction == "min" else executions.idxmax()]
    by_epoch = known.groupby("epoch")[objective].mean()
    return Trial(
        name=str(name),
        status=str(status.iloc[-1]) if len(status) else "unknown",
        hyperparameters={key: _value(rows[key]) for key in names},
        best=float(best[objective].mean()) if len(best) else float("nan"),
        epochs=tuple(int(epoch) for epoch in best["epoch"]),
        curve=by_epoch.reindex(range(1, int(by_epoch.index.max()) + 1)).to_numpy()
        if len(by_epoch)
        else np.empty(0),
    )


def _value(column: "pandas.Series") -> Any:
    """Returns the one value of a trial as Python's own; None where there is none."""
    known = column.dropna()
    if not len(known):
        return None
    value = known.iloc[0]
    value = value.item() if isinstance(value, np.generic) else value
    # A column of whole numbers becomes one of fractions where a trial lacks its number.
    return int(value) if isinstance(value, float) and value.is_integer() else value
