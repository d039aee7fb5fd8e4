"""Searches among hypermodels with a `fit` of their own, from their start to their results."""

import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tuning
from tests.tuning.custom_fits import INPUTS, RATES, TARGETS, VALIDATION, Line, OwnLoop, loss_of


def search(hypermodel, directory, **arguments):
    return tuning.search(
        hypermodel,
        "grid",
        training=(INPUTS, TARGETS),
        validation=VALIDATION,
        directory=directory / "search",
        **arguments,
    )


@pytest.mark.thorough
def test_a_loop_of_one_s_own(tmp_path):
    results = search(OwnLoop(), tmp_path)
    frame = results.to_frame()
    assert results.objective == "default_objective"
    assert list(frame["rate"]) == list(RATES)
    assert results.best_score == frame["default_objective"].min()
    assert (
        results.best_hyperparameters["rate"]
        == frame.loc[frame["default_objective"].idxmin(), "rate"]
    )
    model = results.best_model()
    assert loss_of(model) == pytest.approx(results.best_score, rel=1e-5)
    assert loss_of(results.retrain((INPUTS, TARGETS))) > 0
    results.to_html(tmp_path / "page.html")
    assert "The best model" in (tmp_path / "page.html").read_text()
    assert search(OwnLoop(), tmp_path).best_score == results.best_score


class Ends(Line):
    """Whose training ends as the hyperparameter says, but not in the preflight."""

    def __init__(self, is_mended=False):
        super().__init__()
        self.is_mended = is_mended

    def build(self, hp):
        hp.Choice("end", ["well", "failed", "fatal"])
        return super().build(hp)

    def fit(self, hp, model, *args, epochs, **kwargs):
        if epochs > 1 and hp["end"] == "failed":
            raise keras_tuner.errors.FailedTrialError("too slow")
        if epochs > 1 and hp["end"] == "fatal" and not self.is_mended:
            raise keras_tuner.errors.FatalValueError("no licence")
        return {"score": float(np.sum(args[0])) + hp["rate"]}


@pytest.mark.thorough
def test_a_fatal_error_ends_the_search_and_a_failed_trial_does_not(tmp_path):
    arguments = {"objective": keras_tuner.Objective("score", "max"), "epochs": 2}
    with pytest.raises(
        tuning.SearchError, match=r"Trial \d+ ends the search: .*no licence"
    ) as raised:
        search(Ends(), tmp_path, **arguments)
    assert "Traceback" in raised.value.details
    results = search(Ends(is_mended=True), tmp_path, max_consecutive_failures=10, **arguments)
    frame = results.to_frame()
    status = dict(zip(frame["end"], frame["status"], strict=True))
    assert status == {"well": "COMPLETED", "failed": "FAILED", "fatal": "COMPLETED"}
    assert all("FailedTrialError: too slow" in text for text in results.failures.values())
    assert results.best_hyperparameters["rate"] == RATES[1]
