"""What a chief answers, and what it refuses before anything is done."""

import pytest

from keras_dlnotes.tuning.chief import respond
from keras_dlnotes.tuning.folder import execution_path, trial_path
from tests.tuning.test_oracles import oracle_in

NO_TEXTS = [None, 0, True, 1.5, ["0"], {"0": "0"}]
FORGED = [
    "",
    "0/../../other",
    "../other",
    "/etc",
    ".",
    "x" * 10**6,
    "0" * 19,
    "-1",
    "+1",
    " 1",
    "1\n",
    "0x1",
    "٣",
    "\0",
    "\ud800",
]


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def oracle(tmp_path):
    oracle = oracle_in(tmp_path, "random")
    oracle.create_trial("worker0")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/trial.json").write_text("{}")
    return oracle


@pytest.mark.parametrize("trial", [*FORGED, *NO_TEXTS, "99"], ids=lambda value: repr(value)[:20])
def test_a_trial_that_is_none_is_refused(trial, oracle, tmp_path):
    before, state = contents(tmp_path), oracle.get_state()
    question = {"call": "end_trial", "worker": "worker0", "trial": trial}
    assert "refused" in respond(oracle, ["worker0"], question)
    assert contents(tmp_path) == before and oracle.get_state() == state


@pytest.mark.parametrize("workers", [None, ["worker0", "worker1"]], ids=["remote", "local"])
@pytest.mark.parametrize(
    "worker",
    [*(name for name in FORGED if name != "0" * 19 and name != "0x1"), *NO_TEXTS],
    ids=lambda value: repr(value)[:20],
)
def test_a_worker_that_is_none_is_refused(worker, workers, oracle, tmp_path):
    before, state = contents(tmp_path), oracle.get_state()
    assert "refused" in respond(oracle, workers, {"call": "create_trial", "worker": worker})
    assert contents(tmp_path) == before and oracle.get_state() == state


@pytest.mark.parametrize("worker", ["worker2", "node7-0", "chief"])
def test_on_one_machine_all_workers_are_known(worker, oracle):
    question = {"call": "create_trial", "worker": worker}
    assert "refused" in respond(oracle, ["worker0", "worker1"], question)
    assert respond(oracle, None, question)["status"] == "RUNNING"


@pytest.mark.parametrize(
    "question",
    [
        *NO_TEXTS,
        "create_trial",
        {},
        {"call": "create_trial"},
        {"call": "end_trial", "worker": "worker0"},
        {"call": "get_state", "worker": "worker0"},
        {"call": ["create_trial"], "worker": "worker0"},
    ],
    ids=repr,
)
def test_what_is_no_question_is_refused(question, oracle):
    state = oracle.get_state()
    assert "refused" in respond(oracle, None, question)
    assert oracle.get_state() == state


def test_a_worker_that_asks_again_gets_its_trial(oracle):
    answers = [respond(oracle, None, {"call": "create_trial", "worker": "worker0"}) for _ in "ab"]
    assert answers[0] == answers[1] and answers[0]["trial"] == "0"
    values = oracle.trials["0"].hyperparameters.values
    assert answers[0]["hyperparameters"]["values"] == values


@pytest.mark.parametrize("name", FORGED)
def test_no_path_is_made_of_what_is_no_trial_s_name(name, tmp_path):
    for path_of in (trial_path, lambda *arguments: execution_path(*arguments, 0)):
        with pytest.raises(ValueError, match="A trial's name must be a number"):
            path_of(tmp_path, name)
