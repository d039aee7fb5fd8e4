"""The schemas of a search's records.

`trial.json` and `oracle.json` have KerasTuner's own keys, so KerasTuner can read them as well.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from keras_dlnotes.runs.schema import Constraint, Count, Positive, Text, matching

TrialId = Annotated[str, matching("[0-9]+")]
Moment = Annotated[str, matching(r"\d{4}-\d\d-\d\dT[\d:.]+")]
Value = bool | int | float | str


class Space(TypedDict):
    """Hyperparameters and their values, as `HyperParameters.get_config` returns them."""

    space: list["Hyperparameter"]
    values: dict[str, Value]


class Hyperparameter(TypedDict):
    """An entry of a space."""

    class_name: Literal["Int", "Float", "Choice", "Boolean", "Fixed"]
    config: "HyperparameterConfig"


class HyperparameterConfig(TypedDict):
    """The keys depend on the class."""

    name: Text
    conditions: list[Any]
    default: NotRequired[Value | None]
    value: NotRequired[Value]
    values: NotRequired[list[Value]]
    ordered: NotRequired[bool | None]
    min_value: NotRequired[float]
    max_value: NotRequired[float]
    step: NotRequired[float | None]
    sampling: NotRequired[str | None]


class PreflightResult(TypedDict):
    """The result of the preflight."""

    space: Space
    metrics: list[str]


class PreflightError(TypedDict):
    """The error of a failed preflight."""

    error: str
    is_argument: bool
    traceback: str


class MedianRule(TypedDict):
    """See `MedianPruning`."""

    rule: Literal["median"]
    startup_trials: Positive
    warmup_epochs: Positive


class HalvingRule(TypedDict):
    """See `HalvingPruning`."""

    rule: Literal["halving"]
    factor: Annotated[int, Constraint("a whole number ≥ 2", lambda value: value >= 2)]
    min_epochs: Positive


class SearchSettings(TypedDict):
    """The settings of a search."""

    task: Text
    data: str | None
    tuner: Literal["hyperband", "random", "bayesian", "grid", "tpe"]
    tuner_arguments: dict[str, Any]
    max_trials: Positive | None
    objective: Text
    direction: Literal["min", "max"]
    epochs: Positive
    batch_size: Positive
    patience: Count | None
    executions: Positive
    seed: Count
    backend: Text
    space: NotRequired[Space]
    objectives: NotRequired[dict[str, Literal["min", "max"]]]
    initial_configurations: NotRequired[list[dict[str, Value]]]
    pruning: NotRequired[MedianRule | HalvingRule]


class SearchRecord(TypedDict):
    """`search.json`."""

    format: str
    settings: SearchSettings


class Observation(TypedDict):
    """A metric's values at one step."""

    value: Annotated[list[float], Constraint("a list that is not empty", bool)]
    step: Count


class Observations(TypedDict):
    """A metric's values."""

    direction: Literal["min", "max"]
    observations: list[Observation]


class Metrics(TypedDict):
    """All metrics of a trial."""

    metrics: dict[str, Observations]


class TrialState(TypedDict):
    """`trial.json`."""

    trial_id: TrialId
    hyperparameters: Space
    metrics: Metrics
    score: float | None
    best_step: Count | None
    status: Literal["RUNNING", "IDLE", "INVALID", "STOPPED", "COMPLETED", "FAILED"]
    message: str | None


class ExecutionSettings(TypedDict):
    """The settings of an execution of a trial."""

    hyperparameters: dict[str, Value]


class TrialRun(TypedDict):
    """`run.json` of an execution of a trial."""

    format: str
    settings: ExecutionSettings


class Deaths(TypedDict):
    """`deaths.json`: how often a trial's process was killed since these epochs ended."""

    epochs: list[str]
    deaths: Positive


class OracleState(TypedDict):
    """The keys that `oracle.json` has for every tuner."""

    ongoing_trials: dict[str, TrialId]
    hyperparameters: Space
    start_order: list[TrialId]
    end_order: list[TrialId]
    run_times: dict[TrialId, Count]
    retry_queue: list[TrialId]
    seed: Positive
    seed_state: Positive
    tried_so_far: list[str]
    id_to_hash: dict[TrialId, str | None]
    display: "Display"
    exhausted: bool


class Display(TypedDict):
    """The state of KerasTuner's display."""

    search_start: Moment | None
    trial_start: dict[str, Moment]
    trial_number: dict[str, Count]


class RoundEntry(TypedDict):
    """A trial of a round, and the trial that it continues."""

    past_id: TrialId | None
    id: TrialId


class Bracket(TypedDict):
    """Rounds of trials."""

    bracket_num: Count
    rounds: list[list[RoundEntry]]


class HyperbandState(OracleState):
    """`oracle.json` of Hyperband."""

    hyperband_iterations: float
    max_epochs: Positive
    min_epochs: Positive
    factor: Positive
    brackets: list[Bracket]
    current_bracket: int
    current_iteration: Count


class BayesianState(OracleState):
    """`oracle.json` of the Bayesian oracle."""

    num_initial_points: Count | None
    alpha: float
    beta: float


class GridState(OracleState):
    """`oracle.json` of the grid."""

    ordered_ids: list[TrialId]
    populate_next: list[TrialId]
