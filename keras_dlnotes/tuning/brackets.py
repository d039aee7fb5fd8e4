"""KerasTuner's Hyperband, made to work if there are few configurations or many trials fail.

KerasTuner's own [1.4.8] samples until a bracket's first round is full: if no configuration is left,
it stops, however short the trials were; and a round in which many trials fail promotes none.
"""

import itertools
import math
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import HyperbandOracle

from keras_dlnotes.tuning.configurations import configurations

ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class Brackets(HyperbandOracle):
    """The brackets of Hyperband: in each, rounds of fewer and longer trials.

    A bracket is short if no configuration was left for its first round. Then 1/factor of the
    completed trials of a round are promoted, at least one.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the next trial: a new one if a first round is not full, or a promoted one."""
        self._remove_completed_brackets()
        for bracket in self._brackets:
            if not bracket.get("is_short") and len(bracket["rounds"][0]) < self._size(bracket, 0):
                values = self._random_values()
                if values is not None:
                    return self._begin(trial_id, bracket, values)
                bracket["is_short"] = True
            for number in range(1, len(bracket["rounds"])):
                best = self._best_to_promote(bracket, number)
                if best is not None:
                    return self._promote(trial_id, bracket, number, best)
        is_last = self._current_bracket == 0
        values = None
        if not is_last or self._current_iteration + 1 < self.hyperband_iterations:
            values = self._random_values()
        if values is not None:
            self._increment_bracket_num()
            self._start_new_bracket()
            return self._begin(trial_id, self._brackets[-1], values)
        status = TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED
        return {"status": status}

    def adopt(self, trial_ids: list[str]) -> None:
        """Restores the brackets from the tuner's entries in the trials' hyperparameters."""
        for trial_id in trial_ids:
            values = self.trials[trial_id].hyperparameters.values
            number, ancestor = values.get("tuner/round", 0), values.get("tuner/trial_id")
            if number == 0 and values.get("tuner/bracket") in range(self._get_num_brackets()):
                self._advance_to(values["tuner/bracket"])
                self._brackets[-1]["rounds"][0].append({"past_id": None, "id": trial_id})
                continue
            for bracket in self._brackets:
                rounds = bracket["rounds"]
                if number < len(rounds) and ancestor in [one["id"] for one in rounds[number - 1]]:
                    rounds[number].append({"past_id": ancestor, "id": trial_id})

    def _advance_to(self, number: int) -> None:
        """Starts brackets up to the one with this number, unless its first round is not full."""
        while self._current_bracket != number or (
            len(self._brackets[-1]["rounds"][0]) >= self._size(self._brackets[-1], 0)
        ):
            self._increment_bracket_num()
            self._start_new_bracket()

    def planned_trials(self) -> int:
        """Returns the total number of trials if none fails."""
        known, plan = self._plan()
        count = sum(map(sum, plan))
        return count if known else count * self.hyperband_iterations

    def first_bracket(self) -> int:
        """Returns the number of trials of the first bracket, whose last one has all epochs."""
        return sum(self._plan()[1][0])

    def _plan(self) -> tuple[bool, list[list[int]]]:
        """Returns the sizes of each bracket's rounds.

        If the configurations can be listed, they cover all iterations until none is left;
        otherwise, a single iteration.
        """
        known = configurations(self.get_space())
        left = math.inf if known is None else len(known)
        iteration = [
            [self._get_size(number, turn) for turn in range(self._get_num_rounds(number))]
            for number in range(self._get_num_brackets() - 1, -1, -1)
        ]
        times = 1 if known is None else min(self.hyperband_iterations, left)
        plan = []
        for sizes in itertools.chain.from_iterable(itertools.repeat(iteration, times)):
            first = int(min(sizes[0], left))
            if not first:
                break
            left -= first
            plan.append(sizes if first == sizes[0] else self._short(first, sizes))
        return known is not None, plan

    def _short(self, first: int, sizes: list[int]) -> list[int]:
        found = [first]
        for size in sizes[1:]:
            found.append(min(size, math.ceil(found[-1] / self.factor)))
        return found

    def _size(self, bracket: dict[str, Any], number: int) -> int:
        return self._get_size(bracket["bracket_num"], number)

    def _begin(
        self, trial_id: str, bracket: dict[str, Any], values: dict[str, Any]
    ) -> dict[str, Any]:
        bracket["rounds"][0].append({"past_id": None, "id": trial_id})
        own = {
            "tuner/epochs": self._get_epochs(bracket["bracket_num"], 0),
            "tuner/initial_epoch": 0,
            "tuner/bracket": self._current_bracket,
            "tuner/round": 0,
        }
        return {"status": TrialStatus.RUNNING, "values": values | own}

    def _promote(
        self, trial_id: str, bracket: dict[str, Any], number: int, best: Trial
    ) -> dict[str, Any]:
        bracket["rounds"][number].append({"past_id": best.trial_id, "id": trial_id})
        own = {
            "tuner/trial_id": best.trial_id,
            "tuner/epochs": self._get_epochs(bracket["bracket_num"], number),
            "tuner/initial_epoch": self._get_epochs(bracket["bracket_num"], number - 1),
            "tuner/bracket": self._current_bracket,
            "tuner/round": number,
        }
        return {"status": TrialStatus.RUNNING, "values": best.hyperparameters.values | own}

    def _best_to_promote(self, bracket: dict[str, Any], number: int) -> Trial | None:
        """Returns the best trial that can be promoted to a round, if it is certain to be."""
        taken = [place["past_id"] for place in bracket["rounds"][number]]
        free = [
            trial for trial in self._completed(bracket, number - 1) if trial.trial_id not in taken
        ]
        spare = self._size(bracket, number - 1) - self._size(bracket, number)
        is_certain = len(free) > spare or (
            self._is_over(bracket, number - 1) and len(taken) < self._wanted(bracket, number)
        )
        if not free or not is_certain:
            return None
        pick = min if self.objective.direction == "min" else max
        return pick(free, key=lambda trial: trial.score)

    def _wanted(self, bracket: dict[str, Any], number: int) -> int:
        """Returns the final size of a round, once the previous one is over."""
        size = self._size(bracket, number)
        count = len(self._completed(bracket, number - 1))
        return min(size, math.ceil(count / self.factor) if bracket.get("is_short") else count)

    def _is_over(self, bracket: dict[str, Any], number: int) -> bool:
        """Returns whether all trials of a round have ended and none will be added."""
        places = bracket["rounds"][number]
        if any(self.trials[place["id"]].status not in ENDED for place in places):
            return False
        if number == 0:
            return bool(bracket.get("is_short")) or len(places) == self._size(bracket, 0)
        return self._is_over(bracket, number - 1) and len(places) >= self._wanted(bracket, number)

    def _completed(self, bracket: dict[str, Any], number: int) -> list[Trial]:
        trials = [self.trials[place["id"]] for place in bracket["rounds"][number]]
        return [trial for trial in trials if trial.status == TrialStatus.COMPLETED]
