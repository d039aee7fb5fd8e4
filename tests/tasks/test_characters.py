"""The language model's data and its baselines: all three score the same characters."""

import lzma
from collections import Counter

import numpy as np
import pytest

from keras_dlnotes import data
from keras_dlnotes.tasks import UnsuitableDataError, characters
from keras_dlnotes.tasks.n_grams import NGramModel

VOCABULARY, NEVER = 300, 299  # an id that the counted tokens lack


@pytest.fixture(scope="module")
def splits():
    return characters.prepare("python_documentation")


@pytest.fixture(scope="module")
def texts(splits):
    """The text of each split, read back from inputs and the last target."""
    known = splits.context["characters"]
    return {
        name: characters.decoded(np.append(inputs.ravel(), targets[-1, -1]), known)
        for name, (inputs, targets) in (
            ("train", splits.training),
            ("validation", splits.validation),
            ("test", splits.test),
        )
    }


def test_each_target_is_the_next_character_and_windows_follow_each_other(splits):
    for inputs, targets in (splits.training, splits.validation, splits.test):
        np.testing.assert_array_equal(inputs.ravel()[1:], targets.ravel()[:-1])
    assert splits.training[0].shape[1] == characters.WINDOW
    assert splits.test[0].shape[0] == 1


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_text_is_that_of_the_pages(texts, split):
    pages = [page.decode() for page in data.load("python_documentation")[split]["text"]]
    whole = characters.PAGE + "".join(page + characters.PAGE for page in pages)
    assert len(whole) - len(texts[split]) < {"test": 1}.get(split, characters.WINDOW)
    assert whole.startswith(texts[split])


def test_no_paragraph_of_the_test_text_is_trained_on(texts):
    def paragraphs(name):
        found = texts[name].replace(characters.PAGE, "\n\n").split("\n\n")
        return {" ".join(one.split()) for one in found if len(" ".join(one.split())) >= 40}

    assert len(paragraphs("test")) > 50
    assert not paragraphs("test") & (paragraphs("train") | paragraphs("validation"))


def literal_probability(ids, order, vocabulary, context, token):
    """Modified Kneser–Ney, n-gram by n-gram, with dictionaries."""
    grams = Counter(tuple(ids[i : i + order]) for i in range(len(ids) - order + 1))
    by_length = {order: grams}
    for length in range(order - 1, 0, -1):
        by_length[length] = Counter(gram[1:] for gram in by_length[length + 1])
    probability = 1 / (vocabulary - 1)
    for length in range(1, order + 1):
        counts = by_length[length]
        n1, n2, n3, n4 = (sum(c == k for c in counts.values()) for k in (1, 2, 3, 4))
        assert min(n1, n2, n3) > 0
        y = n1 / (n1 + 2 * n2)
        discounts = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
        history = tuple(context[len(context) - length + 1 :])
        following = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == history}
        if not following:
            break
        kept = {x: max(c - discounts[min(c, 3)], 0) for x, c in following.items()}
        reserved = sum(c - kept[x] for x, c in following.items())
        total = sum(following.values())
        probability = (kept.get(token, 0) + reserved * probability) / total
    return probability


@pytest.fixture(scope="module")
def few_tokens():
    return np.random.default_rng(0).zipf(1.5, size=2000) % 298 + 1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_n_gram_model_is_kneser_ney(few_tokens, order):
    model = NGramModel(few_tokens, order, VOCABULARY)
    ids = np.array([2, 2, 3, NEVER, 4, 2, 6, 3, 2, 2, 2, 40])
    expected = [
        literal_probability(
            few_tokens.tolist(), order, VOCABULARY, ids[:place].tolist(), ids[place]
        )
        for place in range(order, len(ids))
    ]
    np.testing.assert_allclose(model.probabilities(ids)[order - 1 :], expected, rtol=1e-12)


@pytest.mark.parametrize("context", [[1], [2, 1], [7, 7, 6, 5], [NEVER, NEVER, NEVER]])
def test_the_probabilities_of_an_n_gram_model_sum_to_one(few_tokens, context):
    model = NGramModel(few_tokens, 4, VOCABULARY)
    following = [
        model.probabilities(np.array([*context, token]))[-1] for token in range(1, VOCABULARY)
    ]
    assert sum(following) == pytest.approx(1, abs=1e-12)
    assert min(following) > 0


def test_the_baselines_are_strong_and_count_the_same_characters(splits, texts):
    found = {
        baseline.name.split()[0]: baseline.scores["test_bits_per_character"]
        for baseline in characters.other_models(splits)
    }
    assert 1 < found["5-gram"] < 2.2 and 1 < found["xz"] < 2.2
    test = texts["test"].encode()
    alone = 8 * len(lzma.compress(test, preset=9)) / (len(texts["test"]) - 1)
    assert found["xz"] < alone - 0.3  # it made use of the training text


def test_other_data_than_texts_is_an_error():
    with pytest.raises(UnsuitableDataError, match="isn't one of texts"):
        characters.prepare("digits")
