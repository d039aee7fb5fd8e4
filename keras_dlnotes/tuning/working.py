"""Training trials for a search whose chief runs on another machine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_dlnotes.common import checks
from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.runs.records import read_record
from keras_dlnotes.tuning.arguments import (
    MAX_WORKERS,
    check_address,
    check_listeners,
    check_trained,
    make_recipe,
)
from keras_dlnotes.tuning.consistency import fault_in_search
from keras_dlnotes.tuning.folder import SETTINGS, free_names, host_name
from keras_dlnotes.tuning.formats import SearchRecord
from keras_dlnotes.tuning.job import job_of
from keras_dlnotes.tuning.monitor import Progress, ProgressMonitor
from keras_dlnotes.tuning.recipes import Space
from keras_dlnotes.tuning.signals import unwinding
from keras_dlnotes.tuning.supervisor import SearchError, Supervisor

SETTINGS_SECONDS = 300.0  # for which a worker waits for the search's folder


@unwinding()
def work(
    task_or_hypermodel: Any,
    chief: str,
    directory: str | Path,
    *,
    training: Any = None,
    validation: Any = None,
    space: Space | None = None,
    workers: int = 1,
    on_progress: Callable[[Progress], Any] | None = None,
    **fit_arguments: Any,
) -> None:
    """Trains trials for a search whose chief runs on another machine, until none are left.

    Args:
        task_or_hypermodel: the same as that of the search.
        chief: HOST:PORT of the chief.
        directory: the search's folder, on a shared file system.
        training: the same as that of the search.
        validation: the same as that of the search.
        space: the same as that of the search.
        workers: concurrent trials on this machine, from 1 to 1024.
        on_progress: called with the `Progress` several times a second.
        fit_arguments: `validation_split`, `class_weight`, `steps_per_epoch`, `validation_steps`,
            `callbacks`, `optimizer`, `loss` and `metrics`, the same as those of the search.

    Raises:
        ValueError: if the search in the folder is for something else.
        SearchError: if the chief or the folder cannot be found for minutes, or the processes crash.
        RunFolderError: if the folder's `search.json` is corrupt.
    """
    integer("workers", workers, 1, MAX_WORKERS)
    check_address("chief", chief)
    check_listeners((), on_progress)
    path = checks.path("directory", directory)
    split = fit_arguments.get("validation_split")
    check_trained(task_or_hypermodel, training, validation, space, split)
    settings = wait_for_settings(path)
    recipe = make_recipe(
        task_or_hypermodel,
        training=training,
        validation=validation,
        space=space,
        **fit_arguments,
        **{name: settings[name] for name in ("data", "epochs", "batch_size", "patience")},
    )
    if recipe.name != settings["task"]:
        expected = f"{settings['task']!r}, as in the search's folder"
        raise argument_error("task_or_hypermodel", expected, recipe.name)
    job = job_of(recipe, path, settings)
    monitor = ProgressMonitor(job, settings["space"], None, on_progress)
    with free_names(path, host_name(), workers) as names:
        Supervisor(job, None, names, chief, is_chief=False).run(monitor)


def wait_for_settings(path: Path) -> dict[str, Any]:
    """Returns the settings of the search in a folder, once its chief has written them."""
    deadline = time.monotonic() + SETTINGS_SECONDS
    while True:
        content = read_record(path / SETTINGS, SearchRecord, fault_in_search)
        if content is not None:
            return content["settings"]
        if time.monotonic() > deadline:
            raise SearchError(f"There is no search in {path}.")
        time.sleep(1.0)
