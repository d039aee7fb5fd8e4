"""The secret of a search: nobody else can read it."""

import os
import stat

import pytest

from keras_dlnotes.tuning import secret
from keras_dlnotes.tuning.secret import SecretError, ensure_secret, read_secret


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_it_is_its_owner_s_alone_and_stays_the_same(mask, tmp_path):
    path = tmp_path / "secret"
    earlier = os.umask(mask)
    try:
        ensure_secret(path)
    finally:
        os.umask(earlier)
    assert mode_of(path) == 0o600
    made = read_secret(path)
    ensure_secret(path)
    assert read_secret(path) == made and len(made) == secret.BYTES
    ensure_secret(tmp_path / "other")
    assert read_secret(tmp_path / "other") != made
    assert {entry.name for entry in tmp_path.iterdir()} == {"secret", "other"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610, 0o601])
def test_one_that_others_may_have_read_is_not_used_and_a_chief_makes_another(mode, tmp_path):
    path = tmp_path / "secret"
    ensure_secret(path)
    made = path.read_bytes()
    path.chmod(mode)
    with pytest.raises(SecretError, match=rf"must have the permissions 600.* It has {mode:o}\."):
        read_secret(path)
    ensure_secret(path)
    assert mode_of(path) == 0o600 and path.read_bytes() != made


@pytest.mark.parametrize(
    "content",
    [b"", b"0" * 63 + b"\n", b"0" * 65 + b"\n", b"0" * 64, b"g" * 64 + b"\n", b"\xff" * 65],
)
def test_one_that_is_none_is_told_and_a_chief_makes_another(content, tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretError, match="is corrupt"):
        read_secret(path)
    ensure_secret(path)
    read_secret(path)


def test_what_a_killed_chief_has_left_is_in_nobody_s_way(tmp_path):
    (tmp_path / ".partial-secret").write_bytes(b"half")
    (tmp_path / ".partial-secret").chmod(0o644)
    ensure_secret(tmp_path / "secret")
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_file_system_that_keeps_no_permissions(tmp_path, monkeypatch):
    open_file = os.open
    monkeypatch.setattr(
        secret.os, "open", lambda path, flags, mode: open_file(path, flags, mode | 0o077)
    )
    earlier = os.umask(0)
    try:
        with pytest.raises(SecretError, match="The file system of a search's folder must support"):
            ensure_secret(tmp_path / "secret")
    finally:
        os.umask(earlier)


def test_a_folder_in_its_place(tmp_path):
    with pytest.raises(SecretError, match="can't be read: Is a directory"):
        read_secret(tmp_path)
