"""The trials of a search as recorded in its folder, and the table of all their epochs."""

import csv
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dlnotes.common.files import write_text
from keras_dlnotes.common.metrics import SIGNS
from keras_dlnotes.common.printable import in_utf8
from keras_dlnotes.runs.checkpoints import read_state
from keras_dlnotes.runs.folder import CHECKPOINTS, RunFolder
from keras_dlnotes.runs.records import CorruptRecordError, read_record
from keras_dlnotes.tuning.consistency import fault_in_trial
from keras_dlnotes.tuning.folder import (
    COMPLETED,
    OUTCOME,
    TRIAL,
    TrialOutcome,
    execution_path,
    logger,
    read_outcome,
    trial_ids,
    trial_path,
)
from keras_dlnotes.tuning.formats import TrialRun, TrialState

if TYPE_CHECKING:
    import pandas

COLUMNS = ("trial", "status", "execution", "epoch")
PRUNED = "PRUNED"


@dataclass(frozen=True)
class TrialRecord:
    """A trial as recorded in its folder.

    Attributes:
        name: its number, as KerasTuner writes it.
        hyperparameters: their values.
        outcome: how it ended; None while it runs.
        histories: for each execution, the logs of each epoch.
    """

    name: str
    hyperparameters: dict[str, Any]
    outcome: TrialOutcome | None
    histories: dict[int, list[dict[str, float]]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """COMPLETED, FAILED, OUT_OF_MEMORY, or RUNNING if it has not ended."""
        return "RUNNING" if self.outcome is None else self.outcome.status

    @property
    def is_pruned(self) -> bool:
        """Whether it is complete, but was pruned."""
        return self.outcome is not None and self.outcome.pruned

    @property
    def label(self) -> str:
        """The status for a reader: PRUNED for a trial that was."""
        return PRUNED if self.is_pruned else self.status

    @property
    def epochs(self) -> int:
        """The number of finished epochs of all executions."""
        return sum(map(len, self.histories.values()))

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the best epoch, averaged over the executions."""
        return {} if self.outcome is None else self.outcome.metrics

    @property
    def message(self) -> str:
        """The traceback of a failed trial, why it was pruned, or its status."""
        return (self.outcome and self.outcome.message) or self.status


class Records:
    """Reads a search's trials; a file that has not changed is read only once.

    Args:
        folder: of the search.
        objective: a metric that every completed trial has.
        read: `read_record`, which raises if a record is corrupt; `read_or_quarantine`, for the
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
        outcome = self._outcome(name)
        histories = self._histories(trial_path(self.folder, name))
        if outcome is not None and outcome.status == COMPLETED and 0 in histories:
            outcome = self._outcome(name, len(histories[0]))
        values = self._values(name) if outcome is None else outcome.hyperparameters["values"]
        if values is None:
            return None
        record = TrialRecord(name, values, outcome, histories)
        if outcome is not None:
            self._ended[name] = record
        return record

    def _outcome(self, name: str, epochs: int | None = None) -> TrialOutcome | None:
        """Returns how a trial ended, after checking that its best epoch exists."""
        outcome = read_outcome(self.folder, name, self._objective, self._read)
        if outcome is None or epochs is None or outcome.step < epochs:
            return outcome
        path = trial_path(self.folder, name) / OUTCOME
        fault = f"`step` is {outcome.step}, but the trial has {epochs} epochs"
        return self._read_record(path, TrialOutcome, lambda _: fault)

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
            if number.isdecimal():  # and not quarantined
                state = read_state(run / CHECKPOINTS, self._read)
                if state is not None:
                    found[int(number)] = state.history
        return found

    def _read(self, path: Path, *shape: Any) -> Any:
        """Returns a record, from the cache if the file is unchanged."""
        try:
            status = path.stat()
            version = status.st_ino, status.st_mtime_ns, status.st_size
        except OSError:  # which reading will report
            version = None
        last, content = self._read_last.get(path, (None, None))
        if version is None or version != last:
            content = self._read_record(path, *shape)
            self._read_last[path] = version, content
        return content


def read_or_warn(path: Path, *shape: Any) -> Any:
    """Returns a record, or None with a warning if it is corrupt, for readers that hold no lock."""
    try:
        return read_record(path, *shape)
    except CorruptRecordError as error:
        logger.warning("%s", error)
        return None


def as_objects(records: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Returns the trials as JSON objects."""
    return [
        {
            "trial": record.name,
            "status": record.label,
            "hyperparameters": record.hyperparameters,
            "metrics": record.metrics,
            "seconds": None if record.outcome is None else record.outcome.seconds,
            "executions": record.histories,
        }
        for record in records
    ]


def to_frame(records: list[TrialRecord]) -> "pandas.DataFrame":
    """Returns a row for every trial, execution and epoch.

    A trial without an epoch has one row. The columns are `trial`, `status`, `execution`, `epoch`
    (from 1), the metrics and the hyperparameters; a hyperparameter that has the same name as
    another column becomes "hyperparameter NAME".
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
        shared = {"trial": record.name, "status": record.label}
        epochs = [
            {"execution": execution, "epoch": number, **row}
            for execution, history in record.histories.items()
            for number, row in enumerate(history, start=1)
        ]
        rows += [shared | epoch | own for epoch in epochs or [{"execution": 0}]]
    rows = [{in_utf8(name): in_utf8(value) for name, value in row.items()} for row in rows]
    names = [in_utf8(name) for name in (*COLUMNS, *metrics, *columns.values())]
    return pandas.DataFrame(rows, columns=names)


def best_first(
    records: Iterable[TrialRecord], objective: str, direction: str, executions: int
) -> list[TrialRecord]:
    """Returns the completed trials; those pruned before their last execution come last."""
    return sorted(
        (record for record in records if record.status == COMPLETED),
        key=lambda record: (
            record.is_pruned and len(record.histories) < executions,
            SIGNS[direction] * record.metrics[objective],
        ),
    )


def write_table(path: Path, records: list[TrialRecord]) -> None:
    """Writes the table as CSV; integers stay integers even if some trials lack them."""
    frame = to_frame(records)
    for name in frame.select_dtypes("float"):
        numbers = frame[name].dropna()
        if len(numbers) < len(frame) and (numbers % 1 == 0).all():
            frame[name] = frame[name].astype("Int64")
    # pandas does not quote a lone carriage return, which readers take for the end of the line
    quoting = csv.QUOTE_NONNUMERIC if _has_carriage_return(frame) else csv.QUOTE_MINIMAL
    write_text(path, frame.to_csv(index=False, quoting=quoting))


def _has_carriage_return(frame: "pandas.DataFrame") -> bool:
    cells = frame.select_dtypes(exclude="number").to_numpy().ravel()
    return any("\r" in str(text) for text in (*frame.columns, *cells))
