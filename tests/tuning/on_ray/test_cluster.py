"""Searches on a Ray cluster whose machines are killed, frozen and added, and whose driver dies."""

import contextlib
import ipaddress
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from keras_dlnotes.tuning.records import Records

ray = pytest.importorskip("ray.cluster_utils")
psutil = pytest.importorskip("psutil")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DRIVER = Path(__file__).with_name("driver.py")
EPOCHS = 6


LOCAL = {"node_ip_address": "127.0.0.1"}
SETTINGS = {
    "RAY_grpc_client_keepalive_time_ms": "3000",
    "RAY_grpc_client_keepalive_timeout_ms": "3000",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # a driver would look beyond the loopback interface
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture
def cluster(monkeypatch):
    """A head that trains nothing; a test adds the nodes."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    found = ray.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LOCAL})
    yield found
    found.shutdown()


def add_node(cluster):
    return cluster.add_node(num_cpus=1, **LOCAL)


class Search:
    """A search of another process."""

    def __init__(
        self, folder, address="", *, trials=3, workers=2, seconds=1.0, engine="ray", pruning=""
    ):
        self.folder, self.diary = folder / "search", folder / "diary"
        self.arguments = [
            address,
            self.folder,
            self.diary,
            trials,
            EPOCHS,
            seconds,
            workers,
            engine,
            pruning,
        ]
        self.start()

    def start(self):
        command = [sys.executable, DRIVER, *map(str, self.arguments)]
        with open(f"{self.folder}.log", "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self):
        code = self.process.wait(500)
        assert code == 0, Path(f"{self.folder}.log").read_text()[-3000:]
        return self.trials()

    def trials(self):
        """Name → what the search's folder holds of a trial."""
        return {trial.name: trial for trial in Records(self.folder, "val_loss").read()}

    def epochs(self):
        """(units, epoch) → how often it was trained."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        entries = map(json.loads, lines)
        return Counter((entry["units"], entry["epoch"]) for entry in entries)

    def wait_for_epochs(self, count):
        deadline = time.monotonic() + 200
        while self.epochs().total() < count:
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)


def processes(node):
    """The raylet of a node with all that it has started, workers first."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [*raylet.children(recursive=True), raylet]


def send(number, targets):
    for process in targets:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def check(trials, search, count=3, lost=0):
    """Every trial has all its epochs, and no more than `lost` were trained twice."""
    assert len(trials) == count
    assert {trial.status for trial in trials.values()} == {"COMPLETED"}
    for trial in trials.values():
        assert len(trial.histories[0]) == EPOCHS
    again = sum(times - 1 for times in search.epochs().values())
    assert again <= lost
    assert len(search.epochs()) == count * EPOCHS


def test_trials_are_those_of_one_machine(cluster, tmp_path):
    add_node(cluster), add_node(cluster)
    (tmp_path / "local").mkdir(), (tmp_path / "ray").mkdir()
    found = Search(tmp_path / "ray", cluster.address, trials=12, seconds=0).wait()
    local = Search(tmp_path / "local", trials=12, seconds=0, engine="local").wait()
    assert len(found) == 12
    for name, trial in found.items():
        assert trial.hyperparameters == local[name].hyperparameters
        assert trial.metrics["val_loss"] == pytest.approx(local[name].metrics["val_loss"], rel=1e-3)


def test_a_killed_node_costs_an_epoch(cluster, tmp_path):
    _, node = add_node(cluster), add_node(cluster)
    search = Search(tmp_path, cluster.address)
    search.wait_for_epochs(3)
    send(signal.SIGKILL, processes(node))
    check(search.wait(), search, lost=1)


def test_a_killed_raylet_costs_an_epoch(cluster, tmp_path):
    _, node = add_node(cluster), add_node(cluster)
    search = Search(tmp_path, cluster.address)
    search.wait_for_epochs(3)
    send(signal.SIGKILL, processes(node)[-1:])
    check(search.wait(), search, lost=EPOCHS)  # its worker may run on beside its successor


def test_a_node_that_thaws_changes_nothing(cluster, tmp_path):
    _, node = add_node(cluster), add_node(cluster)
    search = Search(tmp_path, cluster.address, trials=2)
    search.wait_for_epochs(3)
    frozen = processes(node)
    send(signal.SIGSTOP, frozen)
    try:
        search.wait_for_epochs(2 * EPOCHS - 1)  # so that its trial was given to the other one
    finally:
        send(signal.SIGCONT, frozen)
    trials = search.wait()
    before = {name: trial.histories for name, trial in trials.items()}
    time.sleep(5)  # in which it would write
    check(trials, search, count=2, lost=EPOCHS)
    assert before == {name: trial.histories for name, trial in search.trials().items()}


def test_a_killed_driver_goes_on(cluster, tmp_path):
    add_node(cluster), add_node(cluster)
    search = Search(tmp_path, cluster.address)
    search.wait_for_epochs(3)
    search.process.kill()
    search.process.wait()
    search.start()
    check(search.wait(), search, lost=4)  # an epoch in work and one just ended for each trial


def test_a_node_that_is_added_takes_a_trial(cluster, tmp_path):
    add_node(cluster)
    search = Search(tmp_path, cluster.address)
    search.wait_for_epochs(1)
    add_node(cluster)
    check(search.wait(), search)
    pids = {json.loads(line)["pid"] for line in search.diary.read_text().splitlines()}
    assert len(pids) == 3


def lengths(trials):
    return {name: (trial.is_pruned, len(trial.histories[0])) for name, trial in trials.items()}


def test_a_killed_node_changes_nothing_of_what_is_pruned(cluster, tmp_path):
    nodes = add_node(cluster), add_node(cluster)
    (tmp_path / "local").mkdir(), (tmp_path / "ray").mkdir()
    settings = {"trials": 6, "workers": 1, "pruning": "halving"}  # in turn, so alike
    search = Search(tmp_path / "ray", cluster.address, **settings)
    search.wait_for_epochs(EPOCHS + 2)
    last = json.loads(search.diary.read_text().splitlines()[-1])["pid"]
    (node,) = (one for one in nodes if last in {process.pid for process in processes(one)})
    send(signal.SIGKILL, processes(node))
    found = search.wait()
    local = Search(tmp_path / "local", seconds=0, engine="local", **settings).wait()
    assert lengths(found) == lengths(local)
    assert {pruned for pruned, _ in lengths(found).values()} == {True, False}


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_trials_beside_each_other_are_pruned(engine, cluster, tmp_path):
    add_node(cluster), add_node(cluster)
    address = cluster.address if engine == "ray" else ""
    settings = {"trials": 8, "seconds": 0.2, "pruning": "halving", "engine": engine}
    found = lengths(Search(tmp_path, address, **settings).wait())
    assert len(found) == 8
    assert all(1 <= length < EPOCHS for is_pruned, length in found.values() if is_pruned)
    assert {length for is_pruned, length in found.values() if not is_pruned} == {EPOCHS}
    assert any(is_pruned for is_pruned, _ in found.values())


def test_a_search_without_an_address_leaves_a_cluster_of_this_machine_alone(cluster, tmp_path):
    search = Search(tmp_path, trials=1, seconds=0)
    check(search.wait(), search, count=1)  # the cluster has no processor for it


def test_ray_of_this_machine_alone_is_closed(tmp_path):
    search = Search(tmp_path, trials=1)
    search.wait_for_epochs(2)
    driver = psutil.Process(search.process.pid)
    family = [driver, *driver.children(recursive=True)]
    addresses = [
        ipaddress.ip_address(connection.laddr.ip)
        for process in family
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    addresses = [getattr(address, "ipv4_mapped", None) or address for address in addresses]
    assert addresses and all(address.is_loopback for address in addresses)
    check(search.wait(), search, count=1)
