"""Every example runs, and says what it promises to say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends import only_on

EXAMPLES = Path(__file__).parents[2] / "examples"
IN_SHORT = Path(__file__).with_name("in_short.py")

SAYS = {
    "minibatch_at_time_t.py": ["X_3 = [27, 17, 44, 26], a mini-batch of size 4", "agree: True"],
    "selective_write_read_forget.py": [
        "read bc             into 3   board [10.0, 3.0, 30.0]   write none",
        "read ac             into 3   board [70.0, 3.0, 6.0]   write [1, 3]",
        "a(bc + d) + ac = 76",
    ],
    "total_loss_term_by_term.py": ["term by term 0.122541, back-propagation through time 0.122541"],
    "padding_and_stride.py": [
        "'same'  centres its windows on the columns [1, 3, 5, 7]",
        "1       centres its windows on the columns [0, 2, 4, 6]",
    ],
    "gradient_of_max_pooling.py": ["[[0.  0.1 0.  0. ]"],
    "translation_in_convolution_and_pooling.py": [
        "[[12 83 92]\n [11 83 92]\n [21 21 17]]",
        "changed in place: 16 of 16 values, 6 of 9 pooled ones",
        "convolution: shifting before or after differs by 0.0",
    ],
    "sparse_connectivity.py": ["one 3×3 convolution              depends on   9 pixels"],
    "tune_your_own_model.py": ["SpatiallySeparableConv2D", "best: 0."],
    "two_tokenizers.py": ["BytePairTokenizer", "RuleTokenizer"],
    "what_a_model_costs.py": ["second    18,874,368   2,392,064   0.127   8 × 8"],
}
# What those say that train for a while, and what is left of it after a few steps.
SAYS_AFTER_TRAINING = {
    "adding_problem.py": ["always 1   error 0.1", "below 0.01: GRU, LSTM\n"],
    "batch_normalization_over_mini_batches.py": ["with batch normalization: deviation from"],
    "compress_digits.py": ["PCA 0.026", "dense 0.0", "convolutional 0.01"],
    "deep_networks.py": ["weights, test accuracy 0.9"],
    "forecast_sunspots.py": ["same as this month 13.6", "GRU 1"],
    "moving_against_exact_statistics.py": ["momentum 0.99: moving σ off by up to"],
    "pronounce_words.py": ["next phoneme right 0.", "stat "],
    "recognize_speakers.py": ["test accuracy 0.9"],
    "remove_noise.py": ["noisy 8.0 dB", "denoised 1"],
    "restore_letters.py": ["one direction: 0.", "both directions: 0."],
    "segment_nuclei.py": ["threshold 0.757", "U-Net 0.8"],
    "sobel_by_two_vectors.py": ["Sobel = [1 2 1]ᵀ × [-1  0  1]", "and after two more epochs 0.9"],
    "spell_digits.py": ["exact match 0.9"],
    "write_text.py": ["bits a character", "τ = 0.7"],
    "your_own_classifier.py": ["test accuracy 0.9"],
}
SAYS_AT_ONCE = {
    "adding_problem.py": ["always 1   error 0.1", "below 0.01: \n"],
    "compress_digits.py": ["PCA 0.026", "dense 0.", "convolutional 0."],
    "deep_networks.py": ["weights, test accuracy 0."],
    "forecast_sunspots.py": ["same as this month 13.6", "GRU "],
    "recognize_speakers.py": ["test accuracy 0."],
    "remove_noise.py": ["noisy 8.0 dB", "denoised "],
    "segment_nuclei.py": ["threshold 0.757", "U-Net 0."],
    "sobel_by_two_vectors.py": ["Sobel = [1 2 1]ᵀ × [-1  0  1]", "and after two more epochs 0."],
    "spell_digits.py": ["exact match 0."],
    "your_own_classifier.py": ["test accuracy 0."],
}
# Those that train for the least time, even in short.
QUICK = {*SAYS, "sobel_by_two_vectors.py", "write_text.py"}


def named(quick):
    """Each name as a parameter, marked where it belongs to a backend or is not quick."""
    for name in {**SAYS, **SAYS_AFTER_TRAINING}:
        marks = [] if name in quick else [pytest.mark.slow]
        if "import tensorflow" in (EXAMPLES / name).read_text(encoding="utf-8"):
            marks.append(only_on("tensorflow", reason="shows TensorFlow's tape"))
        yield pytest.param(name, marks=marks)


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SAYS, *SAYS_AFTER_TRAINING}


@pytest.fixture(scope="module")
def in_short():
    with subprocess.Popen(
        [sys.executable, IN_SHORT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process for each example")
@pytest.mark.parametrize("name", list(named(QUICK)))
def test_example_in_short(name, in_short, tmp_path):
    print(json.dumps([str(EXAMPLES / name), str(tmp_path)]), file=in_short.stdin, flush=True)
    code = in_short.stdout.readline().strip()
    output = (tmp_path / "output.txt").read_text(encoding="utf-8")
    assert code == "0", output[-2000:]
    for line in {**SAYS, **SAYS_AFTER_TRAINING, **SAYS_AT_ONCE}[name]:
        assert line in output


@pytest.mark.parametrize("name", list(named(())))
def test_example_as_its_reader_runs_it(name, tmp_path):
    result = subprocess.run(
        [sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert result.returncode == 0, result.stderr[-2000:]
    for line in {**SAYS, **SAYS_AFTER_TRAINING}[name]:
        assert line in result.stdout
