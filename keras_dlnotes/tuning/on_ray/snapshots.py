"""Snapshots of a trial's files, on storage that all machines share.

A snapshot is a manifest, which lists the files by their SHA-256, and their contents. The manifest
is written last, and replaces the previous one at once: a reader sees one or the other, and notices
if contents that it names have gone since.

Each attempt at a trial has a folder of its own there, and one file names the attempt that holds the
trial. So a process that was cut off and comes back, on a machine that was frozen, overwrites
nothing of the attempt that has replaced it, and nobody reads what it writes.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping

import fsspec

MANIFEST, HOLDER, CONTENTS = "manifest.json", "holder", "contents"
TRIES, RETRY_SECONDS = 20, 0.1


class FencedError(RuntimeError):
    """Another attempt holds the trial."""


class TrialStorage:
    """A trial's part of the storage, for the one process that gives it to attempts.

    Args:
        url: of the storage, as fsspec knows it: a folder, or such as "s3://bucket/search".
        trial_id: of the trial.
    """

    def __init__(self, url: str, trial_id: str):
        self.url = url
        self.name = f"trial_{trial_id}"
        self._files = Files(url, self.name)

    def begin(self, files: Mapping[str, bytes]) -> str:
        """Starts an attempt from these files, fences all earlier ones, and returns its name."""
        name = secrets.token_hex(8)
        Snapshots(self.url, self.name, name).publish(files)
        self._files.write(HOLDER, name.encode())
        return name

    def remove(self) -> None:
        """Removes all attempts."""
        self._files.remove("")


class Snapshots:
    """The snapshots of an attempt, of which the last one stays.

    Args:
        url: of the storage.
        trial: the name of the trial's part.
        attempt: the name of the attempt.
    """

    def __init__(self, url: str, trial: str, attempt: str):
        self._trial = Files(url, trial)
        self._own = Files(url, f"{trial}/{attempt}")
        self._attempt = attempt
        self._published: dict[str, str] = {}
        self._manifest: bytes | None = None  # of the snapshot that was read last
        self._contents: dict[str, bytes] = {}
        self._files: dict[str, bytes] = {}

    def check_held(self) -> None:
        """Raises a FencedError if another attempt holds the trial."""
        if self._trial.read(HOLDER).decode() != self._attempt:
            raise FencedError(f"Attempt {self._attempt} at {self._trial.name} was replaced.")

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Makes these files, path → content, the last snapshot."""
        manifest = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        before = set(self._published.values())
        for path, checksum in manifest.items():
            if checksum not in before:
                self._own.write(f"{CONTENTS}/{checksum}", files[path])
        self._own.write(MANIFEST, json.dumps(manifest).encode())
        for checksum in before - set(manifest.values()):
            self._own.remove(f"{CONTENTS}/{checksum}")
        self._published = manifest

    def read(self) -> dict[str, bytes]:
        """Returns the files of the last snapshot: the same object as before if it is the same.

        Raises:
            FileNotFoundError: if there is none, or its contents are lost.
        """
        for _ in range(TRIES):
            manifest = self._own.read(MANIFEST)
            if manifest == self._manifest:
                return self._files
            checksums = json.loads(manifest)
            try:
                contents = {checksum: self._content(checksum) for checksum in checksums.values()}
            except FileNotFoundError:  # a newer snapshot has replaced it
                time.sleep(RETRY_SECONDS)
                continue
            self._manifest, self._contents = manifest, contents
            self._files = {path: contents[checksum] for path, checksum in checksums.items()}
            return self._files
        raise FileNotFoundError(f"Contents of {self._own.name}/{MANIFEST} are lost.")

    def _content(self, checksum: str) -> bytes:
        if checksum in self._contents:
            return self._contents[checksum]
        content = self._own.read(f"{CONTENTS}/{checksum}")
        if hashlib.sha256(content).hexdigest() != checksum:
            raise FileNotFoundError(f"{CONTENTS}/{checksum} is not what its name says")
        return content


class Files:
    """Files below a folder of the storage, each of them whole or absent."""

    def __init__(self, url: str, folder: str = ""):
        # one for each user: a transaction is of the whole object
        self._system, root = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        self.name = f"{root.rstrip('/')}/{folder}".rstrip("/")

    def write(self, path: str, content: bytes) -> None:
        path = f"{self.name}/{path}"
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self._system.transaction:
            self._system.pipe_file(path, content)

    def read(self, path: str) -> bytes:
        return self._system.cat_file(f"{self.name}/{path}")

    def remove(self, path: str) -> None:
        path = f"{self.name}/{path}".rstrip("/")
        self._system.invalidate_cache()
        if self._system.exists(path):
            self._system.rm(path, recursive=True)
