"""A whole search on a machine that others use, too."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from keras_dlnotes.tuning import supervisor
from keras_dlnotes.tuning.messages import AuthenticationError
from keras_dlnotes.tuning.secret import SECRET, ensure_secret
from keras_dlnotes.tuning.service import Endpoint, RefusedError, _connection, ask

TRY = """
import os, pathlib, pwd, socket, sys

nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)
chief, *files = sys.argv[1:]

def connect():
    socket.socket(socket.AF_UNIX).connect(chief)

paths = [pathlib.Path(path) for path in (chief, *files)]
attempts = [connect, *(path.read_bytes for path in paths)]
attempts += [lambda path=path: os.listdir(path.parent) for path in paths]
for attempt in attempts:
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit(f"{attempt} succeeded")
"""


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folders(monkeypatch):
    """A folder of temporary files whose name is too long for a socket, and a shorter one."""
    with tempfile.TemporaryDirectory(prefix="keras_dlnotes_") as parent:
        short, long = Path(parent, "short"), Path(parent, "long" * 25)
        for folder in (Path(parent), short, long):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", str(long))
        monkeypatch.setattr(supervisor, "SHORT_FOLDER", str(short))
        yield short, long


@pytest.mark.slow
def test_a_search_among_strangers_ends_with_all_its_trials(search_table, tmp_path, folders):
    short, long = folders
    seen, silent = [], []

    def attack(progress):
        if seen or not progress.trials:
            return
        chief, secret, pickle = (
            next(folder.glob(f"keras_dlnotes_search_*/{name}"))
            for folder, name in ((short, supervisor.SOCKET), (long, SECRET), (long, "job.pickle"))
        )
        seen.append((mode_of(chief.parent), mode_of(secret.parent), mode_of(secret)))
        ensure_secret(tmp_path / "another")
        for _ in range(4):  # more than the search has trials
            with pytest.raises(AuthenticationError):
                endpoint = Endpoint(str(chief), str(tmp_path / "another"))
                ask(endpoint, call="create_trial", worker="worker0")
            with pytest.raises(RefusedError):
                ask(Endpoint(str(chief), str(secret)), call="create_trial", worker="worker1")
        silent.append(_connection(str(chief)))
        if os.geteuid() == 0:
            command = [sys.executable, "-I", "-c", TRY, chief, secret, pickle]
            subprocess.run(command, check=True, cwd="/")

    results = search_table(tmp_path / "search", on_progress=attack)
    assert seen == [(0o700, 0o700, 0o600)]
    frame = results.to_frame()
    assert len(frame) == 6 and set(frame["status"]) == {"COMPLETED"}
    assert not list(short.iterdir()) and not list(long.iterdir())
    assert not (tmp_path / "search" / SECRET).exists()
    silent.pop().close()
