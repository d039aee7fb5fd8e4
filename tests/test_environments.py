"""Every test runs somewhere: those marked slow in an environment of tox that asks for them."""

import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.on_backend import LAYERS, MATHS, PARTS, QUICK

ROOT = Path(__file__).parents[1]


def places_of_slow_tests():
    """The files and folders of all commands that run slow tests, and of the quick form."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    commands = [
        shlex.split(line)
        for section in tox.sections()
        for line in tox.get(section, "commands", fallback="").splitlines()
    ]
    slow = [words for words in commands if "slow" in words or "slow or not slow" in words]
    assert len(slow) > 5
    return {word for words in slow for word in words if word.startswith("tests/")} | {*QUICK}


def test_every_slow_test_has_an_environment():
    places = places_of_slow_tests()
    mark = "mark.slow"  # in two words below, so that this file is none of them
    marked = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if f"pytest.{mark}" in path.read_text(encoding="utf-8")
    ]
    assert len(marked) > 10
    helpers = {"tests/tasks/short_forms.py"}
    lost = [
        name
        for name in set(marked) - helpers
        if not any(name == place or name.startswith(f"{place}/") for place in places)
    ]
    assert lost == []


def test_thorough_tests_run_on_every_backend_and_in_the_continuous_integration():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    every_part = 'tests/on_backend.py tensorflow -m "thorough and not slow"'
    assert every_part in tox["testenv:thorough"]["commands"]
    assert every_part in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for backend in ("jax", "torch"):
        assert f'on_backend.py {backend} -m "not slow"' in tox[f"testenv:{backend}"]["commands"]


def test_a_sample_leaves_the_rest_to_the_thorough_run(pytester):
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.sampled(4)
        @pytest.mark.parametrize("number", range(100))
        def test_number(number):
            pass
        """
    )
    marks = ["-W", "ignore", "-m"]
    chosen, left = (
        pytester.runpytest("-q", *marks, expression).parseoutcomes()
        for expression in ("not thorough", "thorough")
    )
    assert chosen["passed"] + left["passed"] == 100
    assert 15 < chosen["passed"] < 35


def test_the_parts_are_all_tests():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    everything = set(setup["tool:pytest"]["testpaths"].split())
    words = {word for part in PARTS for word in part}
    assert everything <= words
    ignored = {word.removeprefix("--ignore=") for word in words if word.startswith("--")}
    assert ignored == {LAYERS, *MATHS} == words - everything - {f"--ignore={w}" for w in ignored}
    assert all((ROOT / word).exists() for word in words if not word.startswith("--"))


def test_the_process_that_hands_out_the_tests_waits_for_no_framework():
    program = "import conftest, sys, tests.conftest; sys.exit('keras' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
