"""Runs the preflight in a separate process, and checks that a resumed search is the same one."""

from typing import Any

from keras_dlnotes.runs.records import RunFolderError, read_record
from keras_dlnotes.tuning.fingerprints import difference
from keras_dlnotes.tuning.folder import SearchFolder
from keras_dlnotes.tuning.formats import PreflightError, PreflightResult
from keras_dlnotes.tuning.initial import check_initial
from keras_dlnotes.tuning.job import Job, write_job
from keras_dlnotes.tuning.launcher import LauncherError
from keras_dlnotes.tuning.scratch import scratch_folder
from keras_dlnotes.tuning.supervisor import SearchError, launcher


def check_space(folder: SearchFolder, job: Job) -> list[str]:
    """Runs the preflight in a separate process, and compares its result with the search's settings.

    A space may have grown since. The space, the fingerprints of the model and the data, and an
    objective that was derived from the dry run become settings. The folder of an earlier version,
    which lacks some of them, adopts the current ones.

    Returns:
        The names of the metrics that a trial logs.
    """
    found = _preflight(job)
    check_initial(job.oracle.get("initial", []), found["space"])
    changed = what_differs(folder.settings, found)
    if changed is not None:
        raise RunFolderError(
            f"The search in {folder.path} was started with {changed}. Take another "
            "folder, or replace it (--overwrite, overwrite=True)."
        )
    folder.settings |= {name: found[name] for name in found.keys() - {"metrics"}}
    return found["metrics"]


def what_differs(earlier: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Describes how a search's settings differ from the current ones; None if they do not."""
    space = earlier.get("space")
    if space is not None and space != now["space"] and not _has_grown(space, now["space"], earlier):
        names = _changed_names(space, now["space"])
        return f"another search space; what differs: {', '.join(names)}"
    for name in ("training_data", "validation_data"):
        changed = difference(earlier.get(name, now[name]), now[name])
        if changed is not None:
            return f"other {name.replace('_', ' ')}: {changed}"
    fit = earlier.get("fit_arguments", now.get("fit_arguments"))
    if fit != now.get("fit_arguments"):
        return f"other arguments of `fit`: they are {now['fit_arguments']}, not {fit}"
    model = earlier.get("model")
    if None not in (model, now["model"]) and model != now["model"]:
        return f"another model: the default has {now['model']}, not {model}"
    return None


def _has_grown(earlier: dict[str, Any], now: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Returns whether a space only has more entries, which every tuner but a grid can take up."""
    kept = [entry for entry in now["space"] if entry in earlier["space"]]
    return kept == earlier["space"] and settings.get("tuner") != "grid"


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


def _preflight(job: Job) -> dict[str, Any]:
    with scratch_folder() as scratch:
        answer, log = scratch / "answer.json", scratch / "preflight.log"
        arguments = [str(write_job(job, scratch / "job.pickle")), str(answer)]
        code = None
        while code is None:
            try:
                code = launcher().run("preflight", arguments, log)
            except LauncherError as error:
                if not error.was_killed:  # it crashed by itself
                    raise SearchError("The processes cannot be started.", str(error)) from error
        found = read_record(answer, PreflightResult | PreflightError)
        if found is None:
            summary = f"The preflight process ended with code {code}."
            raise SearchError(summary, log.read_text())
    if "error" not in found:
        return found
    if found["is_argument"]:
        raise ValueError(found["error"].removeprefix("ValueError: "))
    raise SearchError(f"The first step fails: {found['error']}", found["traceback"])
