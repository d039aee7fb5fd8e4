"""Logs for TensorBoard's HParams page: `tensorboard --logdir` on the folder of a search."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_dlnotes.common.printable import in_utf8
from keras_dlnotes.runs.folder import LOGS
from keras_dlnotes.runs.logs import writes_tensorboard
from keras_dlnotes.tuning.folder import COMPLETED, TrialOutcome, execution_path, logger

VALIDATION = "val_"


def log_search(folder: Path, space: Mapping[str, Any], metrics: list[str]) -> None:
    """Logs the columns, once: the hyperparameters, and the metrics as Keras logs them."""
    if not writes_tensorboard() or list(folder.glob("events.out.*")):
        return
    from tensorboard.plugins.hparams import api

    names = [in_utf8(entry["config"]["name"]) for entry in space["space"]]
    columns = [
        api.Metric(
            f"epoch_{name.removeprefix(VALIDATION)}",
            group="validation" if name.startswith(VALIDATION) else "train",
            display_name=name,
        )
        for name in map(in_utf8, metrics)
    ]
    hparams = [api.HParam(name) for name in dict.fromkeys(names)]
    _write(folder, api.hparams_config_pb(hparams=hparams, metrics=columns))


def log_trial(folder: Path, trial_id: str, executions: int, outcome: TrialOutcome) -> None:
    """Logs a trial's hyperparameters and outcome beside the curves of each execution."""
    if not writes_tensorboard():
        return
    from tensorboard.plugins.hparams import api, api_pb2
    from tensorboard.plugins.hparams.summary import session_end_pb

    values = {
        in_utf8(name): in_utf8(value)
        for name, value in outcome.hyperparameters["values"].items()
        if isinstance(value, bool | int | float | str)
    }
    is_success = outcome.status == COMPLETED
    status = api_pb2.STATUS_SUCCESS if is_success else api_pb2.STATUS_FAILURE
    for execution in range(executions):
        logs = execution_path(folder, trial_id, execution) / LOGS
        if logs.is_dir():
            start = time.time() - outcome.seconds
            started = api.hparams_pb(values, trial_id=trial_id, start_time_secs=start)
            _write(logs, started, session_end_pb(status))


def _write(folder: Path, *summaries: Any) -> None:
    """Writes summaries; a failure is logged and does not end the search."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    try:
        writer = EventFileWriter(str(folder))
        for summary in summaries:  # TensorFlow's own class, if it is imported
            own = summary_pb2.Summary.FromString(summary.SerializeToString())
            writer.add_event(event_pb2.Event(wall_time=time.time(), summary=own))
        writer.close()
    except Exception as error:
        logger.warning("TensorBoard logs in %s cannot be written: %s", folder, error)
