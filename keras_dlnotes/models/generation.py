"""Sequences out of trained models, one token at a time: sampling, greedy and beam search."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.checks import argument_error, integer, number
from keras_dlnotes.models.arguments import MOST_STEPS
from keras_dlnotes.models.steps import decoder_parts, one_step

MOST_TOKENS = 2**16  # of a target: a beam search copies what it has at each
MOST_CANDIDATES = 2**28  # 2 GB of scores


def sample(
    model: keras.Model,
    prompt: Any,
    length: int,
    temperature: float = 1.0,
    end_id: int | None = None,
    seed: int | None = None,
) -> np.ndarray:
    """Continues sequences by tokens drawn from a language model.

    Each next token is drawn with probability ∝ P(x_{t+1} | x_t, …, x_1)^{1/τ}. The temperature τ
    makes the likely likelier below 1, and all alike far above it; at 0 the likeliest is taken.

    Args:
        model: a chain of an embedding, recurrent layers and others that treat every step alike,
            such as `language_model` builds, stateful or not; it stays as it is.
        prompt: ids (batch, time) or (time,), at least one a row, each in the model's vocabulary and
            none of them 0.
        length: number of tokens to draw, 1 to 2²⁰.
        temperature: τ ≥ 0.
        end_id: the id that ends a sequence; 0 follows it to the end. None for no end.
        seed: int ≥ 0 that fixes what is drawn; None draws something else each time.

    Returns:
        The ids of prompt and continuation, (batch, time + length) or (time + length,). Id 0 is
        never drawn.

    Raises:
        ValueError: for an argument out of range, a model that looks ahead, or one whose outputs are
            no probabilities.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling".

    Example:

    >>> from keras_dlnotes import models
    >>> sample(models.language_model(20, units=4), prompt=[1, 7], length=3, seed=0).shape
    (5,)
    """
    integer("length", length, minimum=1, maximum=MOST_STEPS)
    number("temperature", temperature, minimum=0)
    if seed is not None:
        integer("seed", seed)
    step, states_of, read, written = one_step(model)
    ids = _ids("prompt", prompt, read)
    if np.any(ids == 0):
        raise argument_error("prompt", "free of id 0, which pads", prompt)
    if end_id is not None:
        integer("end_id", end_id, minimum=1, maximum=written - 1)

    generator = np.random.default_rng(seed)
    states = states_of(len(ids))
    for token in ids.T:
        probabilities, states = step(token, states)
    drawn = np.zeros((len(ids), length), ids.dtype)
    ended = np.zeros(len(ids), bool)
    for place in range(length):
        tokens = _draw(probabilities, temperature, generator)
        drawn[:, place] = np.where(ended, 0, tokens)
        ended |= tokens == end_id
        if ended.all():
            break
        if place < length - 1:
            probabilities, states = step(tokens, states)
    result = np.concatenate([ids, drawn], axis=1)
    return result if np.ndim(prompt) == 2 else result[0]


def decode(
    model: keras.Model,
    source: Any,
    max_length: int = 64,
    beam_width: int = 1,
    length_penalty: float = 0.0,
    start_id: int = 1,
    end_id: int = 2,
    batch_size: int = 128,
) -> list[list[int]]:
    """Returns the target sequence that a trained model finds for each source.

    Greedy search takes the likeliest token at each step. Beam search keeps the `beam_width`
    likeliest beginnings at each step, and so finds sequences of a higher probability
    log P(y | x) = Σ_t log P(y_t | y_{t−1}, …, y_1, x).

    Args:
        model: of the kind that `sequence_to_sequence` builds.
        source: ids (batch, time) or (time,) for one source, each in the source's vocabulary; id 0
            pads.
        max_length: most tokens of a target, its end included, 1 to 2¹⁶. The search ends where all
            targets have ended.
        beam_width: number of beginnings, ≥ 1; 1 is greedy. A batch has at most 2²⁸ beginnings,
            each with one of the tokens behind it.
        length_penalty: α ≥ 0: of the beginnings that are left, the one with the largest
            log P(y | x) / T^α is taken. 0 prefers short targets, 1 the best mean over the tokens.
        start_id: the id that the decoder reads first; in the target's vocabulary, and not 0.
        end_id: the id that ends a target, likewise.
        batch_size: number of sources at once, ≥ 1.

    Returns:
        The ids of each target, without its start, its end and padding; for one source alone, too,
        a list of one.

    Raises:
        ValueError: for an argument out of range, another model, or one whose outputs are no
            probabilities.

    Reference:
        Lecture notes, "Types of RNN" (machine translation).

    Example:

    >>> from keras_dlnotes import models
    >>> model = models.sequence_to_sequence(30, 50, units=8)
    >>> [len(target) <= 5 for target in decode(model, [[7, 8, 9], [4, 0, 0]], max_length=5)]
    [True, True]
    """
    integer("max_length", max_length, minimum=1, maximum=MOST_TOKENS)
    integer("beam_width", beam_width, minimum=1)
    integer("batch_size", batch_size, minimum=1)
    number("length_penalty", length_penalty, minimum=0)
    encode, step, source_vocabulary, target_vocabulary = decoder_parts(model)
    ids = _ids("source", source, source_vocabulary)
    integer("start_id", start_id, minimum=1, maximum=target_vocabulary - 1)
    integer("end_id", end_id, minimum=1, maximum=target_vocabulary - 1)
    rows = min(batch_size, len(ids))
    most = MOST_CANDIDATES // (rows * target_vocabulary)
    if beam_width > max(most, 1):
        expected = f"at most {most} for {rows} sources at once and {target_vocabulary} tokens"
        raise argument_error("beam_width", expected, beam_width)
    targets = []
    for first in range(0, len(ids), batch_size):
        states = encode(ids[first : first + batch_size])
        tokens, scores = _beam_search(step, states, beam_width, max_length, start_id, end_id)
        best = _likeliest(tokens, scores, length_penalty)
        for row, beam in zip(tokens, best, strict=True):
            targets.append([int(token) for token in row[beam] if token not in (0, end_id)])
    return targets


def _beam_search(
    step: Callable, states: list, width: int, max_length: int, start_id: int, end_id: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the tokens (batch, width, length) that are likeliest, and their log P (batch, width).

    Args:
        step: (tokens (rows,), states) → (log P of the next token (rows, vocabulary), states).
        states: of the encoder, each (batch, units).
    """
    batch = states[0].shape[0]
    states = [ops.repeat(state, width, axis=0) for state in states]
    latest = np.full((batch, width), start_id)
    tokens = np.zeros((batch, width, 0), int)
    # the beams are alike at first: only one of them counts
    scores = np.where(np.arange(width) == 0, 0.0, -np.inf) * np.ones((batch, 1))
    ended = np.zeros((batch, width), bool)
    for _ in range(max_length):
        log_probabilities, states = step(latest.ravel(), states)
        vocabulary_size = log_probabilities.shape[-1]
        following = log_probabilities.reshape(batch, width, vocabulary_size)
        following[:, :, 0] = -np.inf  # padding is no token
        # a target that has ended goes on with padding alone, at no cost
        following[ended] = np.where(np.arange(vocabulary_size) == 0, 0.0, -np.inf)
        candidates = (scores[:, :, np.newaxis] + following).reshape(batch, -1)
        chosen = np.argsort(-candidates, axis=1, kind="stable")[:, :width]
        scores = np.take_along_axis(candidates, chosen, axis=1)
        beams, latest = np.divmod(chosen, vocabulary_size)
        tokens = np.take_along_axis(tokens, beams[:, :, np.newaxis], axis=1)
        tokens = np.concatenate([tokens, latest[:, :, np.newaxis]], axis=2)
        ended = np.take_along_axis(ended, beams, axis=1) | (latest == end_id)
        rows = (beams + width * np.arange(batch)[:, np.newaxis]).ravel()
        states = [ops.take(state, rows, axis=0) for state in states]
        if np.all(ended | np.isneginf(scores)):
            break
    return tokens, scores


def _likeliest(tokens, scores, length_penalty: float) -> np.ndarray:
    """Returns which beam (batch,) has the largest log P / T^α, compared by logarithms."""
    lengths = np.maximum((tokens != 0).sum(axis=-1), 1)
    with np.errstate(divide="ignore", over="ignore"):
        costs = np.log(-scores) - length_penalty * np.log(lengths)
    return np.where(np.isneginf(scores), np.inf, costs).argmin(axis=1)


def _ids(name: str, value: Any, vocabulary: int) -> np.ndarray:
    """Returns ids (batch, time), or raises where one is none of the vocabulary's."""
    try:
        ids = np.asarray(value)
    except (TypeError, ValueError):  # such as rows of several lengths
        ids = np.asarray(None)
    is_right = ids.ndim in (1, 2) and ids.size and np.issubdtype(ids.dtype, np.integer)
    if not is_right or ids.min() < 0 or ids.max() >= vocabulary:
        expected = f"integers from 0 to {vocabulary - 1} of shape (batch, time) or (time,)"
        raise argument_error(name, expected, value)
    return np.atleast_2d(ids)


def _draw(probabilities, temperature: float, generator) -> np.ndarray:
    """Draws a token from each row by p^{1/τ}, never id 0."""
    with np.errstate(divide="ignore"):
        logarithms = np.log(probabilities)
    logarithms[:, 0] = -np.inf
    if temperature == 0:
        return logarithms.argmax(axis=1)
    # differences from the largest, which stay what they are however small the temperature
    with np.errstate(over="ignore"):
        scores = (logarithms - logarithms.max(axis=1, keepdims=True)) / temperature
    # the largest value of log p/τ + Gumbel noise is at each token with the softmax's probability
    return (scores + generator.gumbel(size=scores.shape)).argmax(axis=1)
