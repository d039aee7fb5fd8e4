"""The trials of a search as its folder tells them, and the table of all their epochs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dlnotes.training import atomic_path
from keras_dlnotes.training.run_folder import CHECKPOINTS
from keras_dlnotes.tuning.folder import (
    TRIAL,
    Ending,
    read_ending,
    trial_ids,
    trial_path,
)

if TYPE_CHECKING:
    import pandas

COLUMNS = ("trial", "status", "execution", "epoch")


@dataclass(frozen=True)
class TrialRecord:
    """A trial as its files tell it.

    Attributes:
        name: its number, as KerasTuner writes it.
        hyperparameters: the values that it was given.
        ending: how it ended; None where it has not.
        histories: for each execution, the logs of each epoch.
    """

    name: str
    hyperparameters: dict[str, Any]
    ending: Ending | None
    histories: dict[int, list[dict[str, float]]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """COMPLETED, FAILED, OUT_OF_MEMORY, or RUNNING where it has not ended."""
        return "RUNNING" if self.ending is None else self.ending.status

    @property
    def epochs(self) -> int:
        """Finished epochs of all executions."""
        return sum(map(len, self.histories.values()))

    def score(self, objective: str) -> float | None:
        """Returns the objective of its best epoch, averaged over the executions."""
        return None if self.ending is None else self.ending.metrics.get(objective)


class Records:
    """Reads a search's trials; those that have ended are read once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._ended: dict[str, TrialRecord] = {}

    def read(self) -> list[TrialRecord]:
        """Returns all trials, in the order of their numbers."""
        found = [self._record(name) for name in trial_ids(self.folder)]
        return [record for record in found if record is not None]

    def _record(self, name: str) -> TrialRecord | None:
        if name in self._ended:
            return self._ended[name]
        path = trial_path(self.folder, name)
        ending = read_ending(self.folder, name)
        try:
            trial = json.loads((path / TRIAL).read_text(encoding="utf-8"))
            values = trial["hyperparameters"]["values"]
        except (OSError, ValueError):
            if ending is None:
                return None
            values = ending.hyperparameters["values"]
        record = TrialRecord(name, values, ending, _histories(path))
        if ending is not None:
            self._ended[name] = record
        return record


def _histories(path: Path) -> dict[int, list[dict[str, float]]]:
    found = {}
    for run in sorted(path.glob("execution_*[0-9]")):
        number = run.name.removeprefix("execution_")
        try:
            state = json.loads((run / CHECKPOINTS / "state.json").read_text(encoding="utf-8"))
            found[int(number)] = state["history"]
        except (OSError, ValueError, KeyError):
            continue
    return found


def to_frame(records: list[TrialRecord]) -> "pandas.DataFrame":
    """Returns a row for every trial, execution and epoch.

    A trial without an epoch has one row. Columns are `trial`, `status`, `execution`, `epoch` (the
    first is 1), the metrics, and one a hyperparameter; where both have the same name, the
    hyperparameter's is "hyperparameter NAME".
    """
    import pandas

    metrics = list(
        dict.fromkeys(
            name
            for record in records
            for history in record.histories.values()
            for row in history
            for name in row
        )
    )
    values = list(dict.fromkeys(name for record in records for name in record.hyperparameters))
    taken = {*COLUMNS, *metrics}
    columns = {name: f"hyperparameter {name}" if name in taken else name for name in values}
    rows = []
    for record in records:
        own = {columns[name]: value for name, value in record.hyperparameters.items()}
        shared = {"trial": record.name, "status": record.status}
        epochs = [
            {"execution": execution, "epoch": number, **row}
            for execution, history in record.histories.items()
            for number, row in enumerate(history, start=1)
        ]
        rows += [shared | epoch | own for epoch in epochs or [{"execution": 0}]]
    return pandas.DataFrame(rows, columns=[*COLUMNS, *metrics, *columns.values()])


def write_table(path: Path, records: list[TrialRecord]) -> None:
    """Writes the rows as CSV; whole numbers stay whole where some trials have none."""
    frame = to_frame(records)
    for name in frame.select_dtypes("float"):
        numbers = frame[name].dropna()
        if len(numbers) < len(frame) and (numbers % 1 == 0).all():
            frame[name] = frame[name].astype("Int64")
    with atomic_path(path) as partial:
        frame.to_csv(partial, index=False)
