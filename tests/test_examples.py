"""Every example runs as its reader would run it, and says what it promises to say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = {
    "padding_and_stride.py": [
        "'same'  centres its windows on the columns [1, 3, 5, 7]",
        "1       centres its windows on the columns [0, 2, 4, 6]",
    ],
    "gradient_of_max_pooling.py": ["[[0.  0.1 0.  0. ]"],
    "your_own_classifier.py": ["test accuracy 0.9"],
}


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_example(name, tmp_path):
    result = subprocess.run(
        [sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert result.returncode == 0, result.stderr[-2000:]
    for line in SAYS[name]:
        assert line in result.stdout
