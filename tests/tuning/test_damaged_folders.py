"""Folders of searches whose files are damaged: every file, every field, every kind of damage.

A reader gives the full answer or a sentence that names the file, and writes nothing. The search
that goes on in the folder sets the file aside, keeps all others, and makes anew what it can.
"""

import errno

import pytest

from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.runs.records import UnreadableRecordError
from keras_dlnotes.tuning import Results
from tests import damage
from tests.tuning import finished

pytestmark = pytest.mark.usefixtures("quick")

STATE = "trial_0/execution_0/checkpoints/state.json"
READ = ["search.json", "trial_0/ending.json", "trial_2/ending.json", STATE]
OWNED = ["search.json", "oracle.json", "trial_0/trial.json", "trial_0/ending.json", STATE]
# Without a checksum nobody can tell that these are not what was measured or chosen.
FREE = {
    "search.json": ("settings.objective", "settings.seed"),
    "oracle.json": ("end_order", "run_times", "seed", "tried", "id_to_hash", "exhausted"),
    "trial_0/trial.json": ("message", "metrics.metrics.loss", "metrics.metrics.val_loss", "status"),
    "trial_0/ending.json": ("metrics.", "message"),
    "trial_2/ending.json": ("message",),
    STATE: ("history.", "early_stopping.best null"),
}
FREE_IN_SPACE = ("default", "ordered", "values.0", "values twice", ".value ", "values.steps")


def may_say(name, field):
    """Tells whether a record without a checksum may well say this."""
    is_of_space = "hyperparameters" in field or "settings.space" in field
    return field.startswith(FREE[name]) or (
        is_of_space and any(part in f"{field} " for part in FREE_IN_SPACE)
    )


def damages(name, content):
    yield from damage.texts(content)
    yield from list(damage.fields(content, has_checksum=True))[::11]
    for field, damaged in damage.fields(content, has_checksum=False):
        if not may_say(name, field):
            yield f"{field}, no checksum", damaged


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", READ)
def test_a_reader_is_told_and_changes_nothing(name, search):
    folder, answer, _ = search
    path = folder / name
    cases = damages(name, path.read_bytes())
    assert not damage.faults_of_reading(
        lambda: finished.answer(folder), answer, path, folder, path, cases
    )
    assert finished.answer(folder) == answer


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", OWNED)
@pytest.mark.parametrize(
    "number", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 9))]
)
def test_a_search_that_goes_on_sets_it_aside_and_keeps_the_rest(name, number, search):
    folder, answer, state = search
    path = folder / name
    files = damage.contents_of(folder)
    records_of = {key: content for key, content in files.items() if key.endswith(".json")}
    faults = {}
    cases = list(damages(name, files[name]))
    for kind, damaged in cases[number::9]:
        path.write_bytes(damaged)
        fault = damage.fault_of(lambda: finished.go_on(folder), folder, state)
        after = damage.contents_of(folder)
        if fault is None and damaged not in (after.get(name), after.get(f"{name}.corrupt-1")):
            fault = "the corrupt file is lost"
        changed = [
            key
            for key, content in files.items()
            if after.get(key) != content and key != name and not key.startswith("oracle")
        ]
        if changed:
            fault = f"changed: {changed}"
        if fault is None and name != STATE:
            fault = damage.fault_of(lambda: finished.answer(folder), path, answer)
        if fault is not None:
            faults[kind] = fault
        for key in after.keys() - files.keys():
            (folder / key).unlink()
        for key, content in records_of.items():
            (folder / key).write_bytes(content)
    assert not faults and len(cases) > 100


@pytest.mark.parametrize("tuner", ["hyperband", "bayesian", "grid"])
def test_every_tuner_s_state_is_checked(tuner, tmp_path):
    folder = tmp_path / "search"
    finished.make_search(folder, tuner, is_trained=False)
    state = finished.go_on(folder, tuner)
    path = folder / "oracle.json"
    content = path.read_bytes()
    own = {
        "hyperband": ("hyperband_", "max_", "min_", "factor", "brackets", "current_"),
        "bayesian": ("num_", "alpha", "beta"),
        "grid": ("ordered_ids", "populate_next"),
    }[tuner]
    faults = {}
    cases = damage.fields(content, has_checksum=False)
    cases = [(field, damaged) for field, damaged in cases if field.startswith(own)]
    for field, damaged in cases[::4]:
        for name in (path, path.with_name("oracle-spare.json")):
            name.write_bytes(damaged)
        fault = damage.fault_of(lambda: finished.go_on(folder, tuner), path, state)
        if fault is not None:
            faults[field] = fault
        for corrupt in folder.glob("*.corrupt-*"):
            corrupt.unlink()
    assert not faults and len(cases) > 20


@pytest.mark.parametrize("name", [*OWNED, "trial_0/execution_0/checkpoints/epoch-2.weights.h5"])
@pytest.mark.parametrize("code", damage.FAULTS, ids=errno.errorcode.get)
def test_a_file_that_cannot_be_opened_is_left_alone(name, code, search, monkeypatch):
    folder, answer, state = search
    path = folder / name
    before = damage.state_of(folder)
    with monkeypatch.context() as patch:
        damage.failing_open(patch, code, path)
        told = []
        for read in (finished.go_on, finished.answer):
            try:
                read(folder)
            except UnreadableRecordError as error:
                assert str(path) in str(error) and error.errno == code
                told.append(read)
        assert told or name.endswith("h5")
    assert (
        damage.state_of(folder).items()
        >= {key: value for key, value in before.items() if "oracle" not in key}.items()
    )
    assert not list(folder.rglob("*.corrupt-*"))
    assert (finished.go_on(folder), finished.answer(folder)) == (state, answer)


@pytest.mark.parametrize("name", OWNED)
def test_a_folder_in_a_file_s_place_is_named(name, search):
    folder, _, _ = search
    path = folder / name
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    with pytest.raises(RunFolderError, match=f"{path} is a folder, where a file is expected"):
        finished.go_on(folder)
    if name in READ:
        with pytest.raises(RunFolderError, match=f"{path} is a folder, where a file is expected"):
            finished.answer(folder)
    assert path.is_dir() and not list(folder.rglob("*.corrupt-*"))


@pytest.mark.slow
def test_a_finished_search_of_damaged_files_is_whole_after_the_same_call(search_table, tmp_path):
    folder = tmp_path / "search"
    before = search_table(folder, max_trials=2)
    for path in (folder / "trial_0/ending.json", folder / "trial_1/trial.json"):
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RunFolderError, match=r"trial_0/ending\.json is corrupt"):
        Results(folder)
    after = search_table(folder, max_trials=2)
    assert after.to_frame().equals(before.to_frame()) and after.best_trial == before.best_trial
    (folder / "search.json").write_text("{}")
    assert search_table(folder, max_trials=2).to_frame().equals(before.to_frame())
    assert len(list(folder.rglob("*.corrupt-1"))) == 3
