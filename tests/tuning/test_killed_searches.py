"""A search whose processes are killed, in short; `tox run -e kills` then does it thirty times."""

import random
import sys

import pytest

from tests.tuning.killing import Killer


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_search_killed_at_random_moments_goes_on(tmp_path):
    killer = Killer("grid", tmp_path / "search", random.Random(0), trials=4)
    killer.run(["worker", "chief", "search"])
    assert not killer.failures, killer.failures
    assert killer.kills.total() == 3
