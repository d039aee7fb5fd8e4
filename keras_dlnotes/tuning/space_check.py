"""The space of a search, found by a preflight in a process of its own, and kept to from then on."""

import tempfile
from pathlib import Path
from typing import Any

from keras_dlnotes.training import RunFolderError
from keras_dlnotes.training.records import read_record
from keras_dlnotes.tuning.folder import SearchFolder
from keras_dlnotes.tuning.formats import Answer, Refusal
from keras_dlnotes.tuning.launcher import LauncherError
from keras_dlnotes.tuning.roles import Job
from keras_dlnotes.tuning.supervisor import SearchError, launcher, write_job


def settle_space(folder: SearchFolder, job: Job) -> list[str]:
    """Runs the preflight in a process of its own, and refuses a search of another space.

    The objective becomes a setting, too, where what a trial returns has told it.

    Returns:
        The names that a trial logs.
    """
    found = _look_ahead(job)
    earlier = folder.settings.get("space")
    if earlier is not None and earlier != found["space"]:
        names = _changed_names(earlier, found["space"])
        raise RunFolderError(
            f"The search in {folder.path} was started with another search space; what differs: "
            f"{', '.join(names)}. Take another folder, or replace it (--overwrite, overwrite=True)."
        )
    for name in ("space", "objective", "direction"):
        folder.settings[name] = found[name]
    return found["metrics"]


def _changed_names(earlier: dict[str, Any], now: dict[str, Any]) -> list[str]:
    entries = [[repr(entry) for entry in space["space"]] for space in (earlier, now)]
    differing = {*entries[0]} ^ {*entries[1]}
    named = [
        entry["config"]["name"]
        for space in (earlier, now)
        for entry in space["space"]
        if repr(entry) in differing
    ]
    return list(dict.fromkeys(named)) or ["the order"]


def _look_ahead(job: Job) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="keras_dlnotes_") as scratch:
        answer, log = Path(scratch, "answer.json"), Path(scratch, "preflight.log")
        arguments = [str(write_job(job, Path(scratch, "job.pickle"))), str(answer)]
        code = None
        while code is None:
            try:
                code = launcher().run("look_ahead", arguments, log)
            except LauncherError as error:
                if not error.was_killed:  # a fault, and not an accident
                    raise SearchError("The processes cannot be started.", str(error)) from error
        found = read_record(answer, Answer | Refusal)
        if found is None:
            summary = f"The process that takes the first step ended with code {code}."
            raise SearchError(summary, log.read_text())
    if "error" not in found:
        return found
    if found["is_argument"]:
        raise ValueError(found["error"].removeprefix("ValueError: "))
    raise SearchError(f"The first step fails: {found['error']}", found["traceback"])
