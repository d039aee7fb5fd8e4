"""Checks that a search's records are consistent and can be read by KerasTuner."""

import copy
import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial

from keras_dlnotes.tuning.formats import OracleState, SearchRecord, Space, TrialState, Value

TUNERS_OWN = "tuner/"  # prefix of the names of a tuner's own entries
ROUNDING = 1e-5  # of numbers that earlier versions stored in single precision


def fault_in_search(record: SearchRecord) -> str | None:
    """Returns what is wrong with a search's settings, or None."""
    space = record["settings"].get("space")
    return None if space is None else fault_in_space(space, needs_values=False)


def fault_in_space(config: Space, needs_values: bool = True) -> str | None:
    """Returns what is wrong with hyperparameters and, if `needs_values`, their values."""
    try:
        found = keras_tuner.HyperParameters.from_config(copy.deepcopy(config))
        fault = _fault_in_entries(config, found.get_config())
        return fault or (_fault_in_values(config, found) if needs_values else None)
    except Exception as error:  # whatever KerasTuner's constructors raise
        return f"KerasTuner cannot read the hyperparameters ({type(error).__name__}: {error})"


def _fault_in_entries(config: Space, again: Space) -> str | None:
    """Compares a space with KerasTuner's own round trip of it."""
    for number, (one, other) in enumerate(zip(config["space"], again["space"], strict=True)):
        name = one["config"]["name"]
        if one in config["space"][:number]:
            return f"`hyperparameters.space` has {name} twice"
        for key, value in one["config"].items():
            if other["config"].get(key, value) != value:
                return f"`hyperparameters.space` has {key}={value!r} for {name}"
    return None


def _fault_in_values(config: Space, found: keras_tuner.HyperParameters) -> str | None:
    missing = [one.name for one in found.space if one.name not in found.values]
    missing = [name for name in dict.fromkeys(missing) if found.is_active(name)]
    if missing:
        return f"`hyperparameters.values` lacks {', '.join(missing)}"
    for name, value in found.values.items():
        entries = [entry["config"] for entry in config["space"] if entry["config"]["name"] == name]
        if not entries and not name.startswith(TUNERS_OWN):
            return f"`hyperparameters.space` lacks {name}"
        if entries and not any(fits(value, entry) for entry in entries):
            return f"`hyperparameters.values.{name}` must not be {value!r}"
    return None


def fits(value: Value, entry: Mapping[str, Any]) -> bool:
    """Returns whether a value is allowed for a hyperparameter."""
    if "min_value" in entry:
        least, most = entry["min_value"], entry["max_value"]
        if isinstance(value, bool | str):
            return False
        return least <= value <= most or _same(value, least) or _same(value, most)
    if "values" in entry:
        return any(_same(value, one) for one in entry["values"])
    return _same(value, entry["value"]) if "value" in entry else isinstance(value, bool)


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, bool | str) or isinstance(other, bool | str):
        return type(one) is type(other) and one == other
    return math.isclose(one, other, rel_tol=ROUNDING)


def fault_in_trial(state: TrialState, trial_id: str, objective: str) -> str | None:
    """Returns what is wrong with a trial, or None."""
    if state["trial_id"] != trial_id:
        return f"`trial_id` is {state['trial_id']}, but the trial is {trial_id}"
    if fault := fault_in_space(state["hyperparameters"]):
        return fault
    if state["status"] == "COMPLETED":
        metrics = state["metrics"]["metrics"]
        if objective not in metrics or not metrics[objective]["observations"]:
            return f"it is COMPLETED, but `metrics` lacks {objective}"
        found = metrics[objective]
        means = [statistics.fmean(one["value"]) for one in found["observations"]]
        best = (min if found["direction"] == "min" else max)(means)
        if state["score"] is None or not math.isclose(state["score"], best, rel_tol=1e-9):
            return f"`score` is {state['score']}, but the best {objective} is {best}"
        if state["best_step"] not in [one["step"] for one in found["observations"]]:
            return f"`best_step` is {state['best_step']}, which no value of {objective} has"
    try:
        Trial.from_state(copy.deepcopy(state))
    except Exception as error:
        return f"KerasTuner cannot read the trial ({type(error).__name__}: {error})"
    return None


def fault_in_oracle(state: OracleState, begun: Iterable[str]) -> str | None:
    """Returns what is wrong with an oracle's state, or None.

    Args:
        state: to check.
        begun: trials that have left results, which the state must include.
    """
    started = state["start_order"]
    if unknown := sorted(set(begun) - set(started)):
        return f"`start_order` lacks trial {', '.join(unknown)}, whose folder has results"
    for name, trials in _named_trials(state).items():
        if foreign := sorted(set(trials) - set(started)):
            return f"`{name}` has trial {', '.join(foreign)}, which `start_order` lacks"
        if name in ("start_order", "end_order", "ordered_ids") and len(set(trials)) < len(trials):
            return f"`{name}` has a trial twice"
        if name in ("ordered_ids", "id_to_hash") and len(set(trials)) < len(started):
            return f"`{name}` lacks trials that `start_order` has"
    if started and not state["tried_so_far"]:
        return "`tried_so_far` is empty"
    if state["seed_state"] < state["seed"]:
        return "`seed_state` is less than `seed`"
    return fault_in_space(state["hyperparameters"], needs_values=False)


def _named_trials(state: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the trials that each part of an oracle's state refers to."""
    found = {name: state[name] for name in ("start_order", "end_order", "retry_queue")}
    found |= {name: list(state[name]) for name in ("run_times", "id_to_hash")}
    found["ongoing_trials"] = list(state["ongoing_trials"].values())
    found |= {name: state[name] for name in ("ordered_ids", "populate_next") if name in state}
    rounds = [one for bracket in state.get("brackets", []) for one in bracket["rounds"]]
    found["brackets"] = [place["id"] for one in rounds for place in one]
    return found


def is_tuner_own(name: str) -> bool:
    """Returns whether a hyperparameter belongs to the tuner itself.

    >>> is_tuner_own("tuner/epochs"), is_tuner_own("units")
    (True, False)
    """
    return name.startswith(TUNERS_OWN)
