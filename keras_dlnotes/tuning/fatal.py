"""How a trial ends the whole search: by KerasTuner's FatalError."""

import traceback
from pathlib import Path

from keras_dlnotes.common.files import write_text

FATAL = "fatal.txt"


def tell_fatal(trial: Path) -> None:
    """Leaves the error that is being handled in the trial's folder; the trial has not ended."""
    write_text(trial / FATAL, traceback.format_exc())


def fatal_errors(folder: Path) -> dict[Path, int]:
    """Returns the files of the trials that have told of such an error, and when they did."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(f"trial_*/{FATAL}")}
