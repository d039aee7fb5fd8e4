"""KerasTuner's FatalError, by which a trial ends the whole search."""

import traceback
from pathlib import Path

from keras_dlnotes.common.files import write_text

FATAL = "fatal.txt"


def report_fatal_error(trial: Path) -> None:
    """Writes the current exception to the trial's folder; the trial itself gets no outcome."""
    write_text(trial / FATAL, traceback.format_exc())


def fatal_errors(folder: Path) -> dict[Path, int]:
    """Returns the files that report such an error, with their modification times."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(f"trial_*/{FATAL}")}
