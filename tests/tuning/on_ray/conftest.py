"""Searches on what stands for Ray."""

import contextlib

import pytest

from keras_dlnotes.tuning import engines
from tests.tuning.in_process import stay_in_process


@pytest.fixture
def on(monkeypatch):
    """Has searches use what stands for Ray."""

    from keras_dlnotes.tuning.on_ray import engine  # which needs an extra

    def choose(ray):
        stay_in_process(monkeypatch)
        monkeypatch.setattr(engines, "require", lambda *names: None)
        monkeypatch.setattr(engine, "connected", lambda *given: contextlib.nullcontext(ray))

    return choose
