"""The trials of a search as its folder tells them, and the table of all their epochs."""

import csv
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dlnotes.common.files import write_text
from keras_dlnotes.common.printable import in_utf8
from keras_dlnotes.runs import RunFolder
from keras_dlnotes.runs.checkpoints import read_state
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import CorruptRecordError, read_record
from keras_dlnotes.tuning.contradictions import fault_in_trial
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    ENDING,
    TRIAL,
    Ending,
    execution_path,
    logger,
    read_ending,
    trial_ids,
    trial_path,
)
from keras_dlnotes.tuning.formats import TrialRun, TrialState

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
    """Reads a search's trials; a file that has not changed is read once.

    Args:
        folder: of the search.
        objective: what a completed trial has a value of.
        read: `read_record`, which raises where a record is corrupt; `read_or_quarantine`, for the
            process that holds the search's folder; or `read_or_warn`.
    """

    def __init__(self, folder: Path, objective: str, read: Callable[..., Any] = read_record):
        self.folder = folder
        self._objective = objective
        self._read_record = read
        self._read_last: dict[Path, tuple[Any, Any]] = {}
        self._ended: dict[str, TrialRecord] = {}

    def read(self) -> list[TrialRecord]:
        """Returns all trials, in the order of their numbers."""
        found = [self._record(name) for name in trial_ids(self.folder)]
        return [record for record in found if record is not None]

    def _record(self, name: str) -> TrialRecord | None:
        if name in self._ended:
            return self._ended[name]
        ending = self._ending(name)
        histories = self._histories(trial_path(self.folder, name))
        if ending is not None and ending.status == COMPLETED and 0 in histories:
            ending = self._ending(name, len(histories[0]))
        values = self._values(name) if ending is None else ending.hyperparameters["values"]
        if values is None:
            return None
        record = TrialRecord(name, values, ending, histories)
        if ending is not None:
            self._ended[name] = record
        return record

    def _ending(self, name: str, epochs: int | None = None) -> Ending | None:
        """Returns how a trial ended, which of its epochs was the best one included."""
        ending = read_ending(self.folder, name, self._objective, self._read)
        if ending is None or epochs is None or ending.step < epochs:
            return ending
        path = trial_path(self.folder, name) / ENDING
        fault = f"`step` is {ending.step}, but the trial has {epochs} epochs"
        return self._read_record(path, Ending, lambda _: fault)

    def _values(self, name: str) -> dict[str, Any] | None:
        """Returns the hyperparameters of a trial that has not ended."""
        path = trial_path(self.folder, name)
        check = functools.partial(fault_in_trial, trial_id=name, objective=self._objective)
        trial = self._read(path / TRIAL, TrialState, check)
        if trial is not None:
            return trial["hyperparameters"]["values"]
        run = self._read(execution_path(self.folder, name, 0) / RunFolder.settings_file, TrialRun)
        return None if run is None else run["settings"]["hyperparameters"]

    def _histories(self, path: Path) -> dict[int, list[dict[str, float]]]:
        found = {}
        for run in sorted(path.glob("execution_*[0-9]")):
            number = run.name.removeprefix("execution_")
            if number.isdecimal():  # and not set aside
                state = read_state(run / CHECKPOINTS, self._read)
                if state is not None:
                    found[int(number)] = state.history
        return found

    def _read(self, path: Path, *shape: Any) -> Any:
        """Reads a record, or returns what it was where the file is still the same."""
        try:
            status = path.stat()
            version = status.st_ino, status.st_mtime_ns, status.st_size
        except OSError:  # of which reading will tell
            version = None
        last, content = self._read_last.get(path, (None, None))
        if version is None or version != last:
            content = self._read_record(path, *shape)
            self._read_last[path] = version, content
        return content


def read_or_warn(path: Path, *shape: Any) -> Any:
    """Returns a record; one that is corrupt is told in a warning, and there is none.

    So a search goes on whose folder is only looked at.
    """
    try:
        return read_record(path, *shape)
    except CorruptRecordError as error:
        logger.warning("%s", error)
        return None


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
    rows = [{in_utf8(name): in_utf8(value) for name, value in row.items()} for row in rows]
    names = [in_utf8(name) for name in (*COLUMNS, *metrics, *columns.values())]
    return pandas.DataFrame(rows, columns=names)


def write_table(path: Path, records: list[TrialRecord]) -> None:
    """Writes the rows as CSV; whole numbers stay whole where some trials have none."""
    frame = to_frame(records)
    for name in frame.select_dtypes("float"):
        numbers = frame[name].dropna()
        if len(numbers) < len(frame) and (numbers % 1 == 0).all():
            frame[name] = frame[name].astype("Int64")
    # the writer leaves a lone carriage return bare, and a reader takes it for the end of the line
    quoting = csv.QUOTE_NONNUMERIC if _has_carriage_return(frame) else csv.QUOTE_MINIMAL
    write_text(path, frame.to_csv(index=False, quoting=quoting))


def _has_carriage_return(frame: "pandas.DataFrame") -> bool:
    cells = frame.select_dtypes(exclude="number").to_numpy().ravel()
    return any("\r" in str(text) for text in (*frame.columns, *cells))
