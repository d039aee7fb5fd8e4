"""`tuning.search` whose dry run and trials run in this process, one after the other."""

import json

from keras_tuner.engine.trial import TrialStatus

from keras_dlnotes.tuning.folder import hyperparameters_of, write_outcome
from keras_dlnotes.tuning.hparams import log_trial
from keras_dlnotes.tuning.job import read_job, write_job
from keras_dlnotes.tuning.preflight import dry_run
from keras_dlnotes.tuning.trials import run_trial


class Trials:
    """Stands for the `Supervisor`."""

    def __init__(self, job, space, names, address=None, is_chief=True):
        self.job = read_job(write_job(job, job.folder / "job.pickle"))
        self.space = space

    def run(self, tick):
        job = self.job
        oracle = job.make_oracle(self.space, job.trial_settings.seed)
        oracle.reload()
        while (trial := oracle.create_trial("worker0")).status != TrialStatus.STOPPED:
            hp = hyperparameters_of(trial.hyperparameters.get_config())
            outcome = run_trial(job.recipe, hp, job.trial_settings, job.folder, trial.trial_id)
            log_trial(job.folder, trial.trial_id, job.trial_settings.executions, outcome)
            write_outcome(job.folder, trial.trial_id, outcome)
            oracle.end_trial(trial)
            tick()


def preflight(job):
    found = dry_run(
        job.recipe,
        job.trial_settings.objective,
        job.oracle["arguments"],
        epochs_are_asked=job.oracle["tuner"] == "hyperband",
        prunes=job.trial_settings.pruning is not None,
    )
    return json.loads(json.dumps(found))


def stay_in_process(monkeypatch):
    """Replaces the processes of searches."""
    monkeypatch.setattr("keras_dlnotes.tuning.space_check._preflight", preflight)
    monkeypatch.setattr("keras_dlnotes.tuning.engines.Supervisor", Trials)
