"""Every task in a short form: little data, one epoch, the whole run."""

import numpy as np
import pytest

from keras_dlnotes import tasks
from tests.tasks.short_forms import every_task, in_short

pytestmark = pytest.mark.compiled

# A network that classifies images, one that makes them, and one that reads sequences.
QUICK = {"digits", "mnist-autoencoder", "vowels"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", list(every_task(QUICK)))
def test_a_short_fit_leaves_scores_and_pictures(name, tmp_path):
    task = in_short(tasks.get(name))
    result = tasks.fit(task, tmp_path, epochs=1, batch_size=16, quiet=True)
    scores = result.metrics, result.metrics["baseline"], *result.metrics["variants"].values()
    assert all(np.isfinite(row[task.primary_metric]) for row in scores)
    assert set(result.metrics["variants"]) == set(task.variants)
    page = result.report.read_text(encoding="utf-8")
    assert page.count("<img") >= 2 and task.section in page
