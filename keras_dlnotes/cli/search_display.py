"""The live display of a search: finished trials, best objective, time left, running trials.

If the output is not a terminal, it prints a line for each finished trial.
"""

from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from keras_dlnotes.cli.console import console, lines
from keras_dlnotes.common.printable import get_logger, printable


class SearchDisplay:
    """A context manager that shows the progress of a search."""

    def __init__(self, is_shown: bool):
        self.has_shown_failures = False
        self._is_shown = is_shown
        self._shown: set[str] = set()
        self._bar = Progress(
            TextColumn("trials"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self._task = self._bar.add_task("Starting …", total=None)
        self._live = Live(self._bar, console=console, refresh_per_second=4, transient=True)
        self._log = get_logger("keras_dlnotes.tuning.outcomes")

    def __enter__(self) -> "SearchDisplay":
        self._log.disabled = True  # its messages are shown here
        if self._is_shown and console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._log.disabled = False
        if self._live.is_started:
            self._live.stop()

    def show(self, progress: Any) -> None:
        """Shows the progress of the search."""
        for trial in progress.failed:
            self.has_shown_failures = True
            text = f"Trial {trial.name} failed:\n{trial.outcome.message}"
            console.print(lines(text), soft_wrap=True)  # keeps paths in one piece
        if not self._is_shown:
            return
        if not console.is_terminal:
            self._print_new(progress)
            return
        best = "" if progress.best is None else f"best {progress.objective} {progress.best:.4f}"
        left = "" if progress.seconds_left is None else f"{_duration(progress.seconds_left)} left"
        self._bar.update(
            self._task,
            completed=progress.done,
            total=progress.planned,
            description=printable(", ".join(filter(None, [best, left])) or "first trials running"),
        )
        running = [
            f"  trial {trial.name}: epoch {trial.epochs} of "
            f"{trial.hyperparameters.get('tuner/epochs', progress.epochs)}"
            for trial in progress.running
        ]
        self._live.update(Group(self._bar, *running))

    def _print_new(self, progress: Any) -> None:
        ended = [trial for trial in progress.trials if trial.outcome is not None]
        if not self._shown and len(ended) > 1:  # the search was resumed
            self._shown = {trial.name for trial in ended}
        for trial in ended:
            score = trial.metrics.get(progress.objective)
            if trial.name not in self._shown and score is not None:
                mark = " (pruned)" if trial.is_pruned else ""
                console.print(f"trial {trial.name}: {progress.objective} {score:.4f}{mark}")
            self._shown.add(trial.name)


def _duration(seconds: float) -> str:
    """Returns a rounded duration.

    >>> _duration(50), _duration(200), _duration(9000)
    ('50 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
