"""Generation of sequences, one token at a time: sampling, greedy and beam search."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error, flag, integer, number
from keras_dlnotes.common.next_token import token_ids
from keras_dlnotes.models.arguments import MOST_STEPS
from keras_dlnotes.models.chains import chain_of
from keras_dlnotes.models.prefixes import Prefixes
from keras_dlnotes.models.steps import Chain, Decoder, decoder_parts

MOST_TOKENS = 2**16  # of a target: a beam search copies all prefixes at each
MOST_CANDIDATES = 2**28  # 2 GB of scores


def sample(
    model: keras.Model,
    prompt: Any,
    length: int,
    temperature: float = 1.0,
    end_id: int | None = None,
    seed: int | None = None,
    from_logits: bool = False,
) -> np.ndarray:
    """Continues sequences by tokens drawn from a language model.

    Each next token is drawn with probability ∝ P(x_{t+1} | x_t, …, x_1)^{1/τ}. A temperature τ
    below 1 sharpens the distribution, one above 1 flattens it; at 0 the likeliest token is taken.

    Args:
        model: ids (batch, time) → outputs (batch, time, vocabulary) that predict the next token at
            each step, or (batch, vocabulary) after the last one. It never looks ahead, which is
            tested on random ids. A chain of an embedding, recurrent layers and others that treat
            every step the same, such as `language_model` builds, runs one step for each token, any
            other model over all tokens so far. Stateful layers start anew and keep their states.
        prompt: ids (batch, time) or (time,), at least one in a row, each in the model's vocabulary
            and none of them 0.
        length: number of tokens to draw, 1 to 2²⁰.
        temperature: τ ≥ 0.
        end_id: the id that ends a sequence, which is padded with 0 after it. None for no end.
        seed: int ≥ 0 of the random draws; None for different draws each time.
        from_logits: whether the model's outputs are logits, or log P, rather than probabilities.

    Returns:
        The ids of prompt and continuation, (batch, time + length) or (time + length,). Id 0 is
        never drawn.

    Raises:
        ValueError: for an argument out of range, a model that looks ahead, or outputs that are not
            what `from_logits` says.

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
    flag("from_logits", from_logits)
    writer = _writer(model, from_logits)
    ids = np.atleast_2d(token_ids("prompt", prompt, writer.read))
    if np.any(ids == 0):
        raise argument_error("prompt", "free of id 0, which pads", prompt)
    if end_id is not None:
        integer("end_id", end_id, minimum=1, maximum=writer.written - 1)
    _check_longest("length", length, writer.longest, ids.shape[1] - 1)

    generator = np.random.default_rng(seed)
    ids = ids.astype(np.result_type(ids, np.min_scalar_type(writer.written - 1)))
    drawn = np.zeros((len(ids), length), ids.dtype)
    ended = np.zeros(len(ids), bool)
    tokens, states = ids[:, -1], writer.after(ids[:, :-1])
    for place in range(length):
        following, states = writer.step(tokens, states)
        tokens = _draw(_without_padding(following, ~ended), temperature, generator)
        drawn[:, place] = np.where(ended, 0, tokens)
        ended |= tokens == end_id
        if ended.all():
            break
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
    from_logits: bool = False,
) -> list[list[int]]:
    """Returns the target sequence that a trained model finds for each source.

    Greedy search takes the likeliest token at each step. Beam search keeps the `beam_width`
    likeliest prefixes at each step, and so finds sequences of a higher probability
    log P(y | x) = Σ_t log P(y_t | y_{t−1}, …, y_1, x).

    Args:
        model: [source ids (batch, time), target ids shifted right (batch, time')] → outputs
            (batch, time', target vocabulary) that never look ahead in the target, which is tested
            on random ids. What `sequence_to_sequence` builds runs one step for each token, any
            other model over all tokens so far. It is not changed.
        source: ids (batch, time) or (time,) for one source, each in the source's vocabulary; id 0
            pads.
        max_length: maximum number of tokens of a target, its end included, 1 to 2¹⁶. The search
            ends early if all targets have ended.
        beam_width: number of prefixes, ≥ 1; 1 is greedy. A batch has at most 2²⁸ candidates, each a
            prefix with a next token.
        length_penalty: α ≥ 0: of the final prefixes, the one with the largest log P(y | x) / T^α is
            taken. 0 prefers short targets, 1 the best mean over the tokens.
        start_id: the id that the decoder reads first; in the target's vocabulary, and not 0.
        end_id: the id that ends a target, likewise.
        batch_size: number of sources in a call of the model, ≥ 1.
        from_logits: whether the model's outputs are logits, or log P, rather than probabilities.

    Returns:
        The ids of each target, without its start, its end and padding; for one source alone, too,
        a list of one.

    Raises:
        ValueError: for an argument out of range, a model that looks ahead, or outputs that are not
            what `from_logits` says.

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
    flag("from_logits", from_logits)
    translator = _translator(model, from_logits)
    ids = np.atleast_2d(token_ids("source", source, translator.source_vocabulary))
    for name, value in (("start_id", start_id), ("end_id", end_id)):
        integer(name, value, minimum=1, maximum=translator.written - 1)
    _check_longest("max_length", max_length, translator.longest)
    rows = min(batch_size, len(ids))
    most = MOST_CANDIDATES // (rows * translator.written)
    if beam_width > max(most, 1):
        expected = f"at most {most} for {rows} sources at once and {translator.written} tokens"
        raise argument_error("beam_width", expected, beam_width)
    targets = []
    for first in range(0, len(ids), batch_size):
        batch = ids[first : first + batch_size]
        tokens, scores = _beam_search(translator, batch, beam_width, max_length, start_id, end_id)
        best = _likeliest(tokens, scores, length_penalty)
        for row, beam in zip(tokens, best, strict=True):
            targets.append([int(token) for token in row[beam] if token not in (0, end_id)])
    return targets


def _writer(model: Any, from_logits: bool) -> Chain | Prefixes:
    if not isinstance(model, keras.Model):
        raise argument_error("model", "a Keras model", model)
    layers = chain_of(model)
    if layers is None:
        return Prefixes(model, from_logits)
    return Chain(layers, int(model.outputs[0].shape[-1]), from_logits)


def _translator(model: Any, from_logits: bool) -> Decoder | Prefixes:
    if not isinstance(model, keras.Model):
        raise argument_error("model", "a Keras model", model)
    parts = decoder_parts(model)
    return Prefixes(model, from_logits, True) if parts is None else Decoder(parts, from_logits)


def _check_longest(name: str, value: int, longest: int | None, before: int = 0) -> None:
    if longest is not None and before + value > longest:
        expected = f"such that the model, which takes {longest} ids, gets no more than them"
        raise argument_error(name, expected, value)


def _beam_search(
    translator: Decoder | Prefixes,
    source: np.ndarray,
    width: int,
    max_length: int,
    start_id: int,
    end_id: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the likeliest tokens (batch, width, length), and their log P (batch, width)."""
    batch = len(source)
    states = _rows_of(translator.reading(source), np.repeat(np.arange(batch), width))
    latest = np.full((batch, width), start_id)
    tokens = np.zeros((batch, width, 0), int)
    # all beams are the same at first: only one of them counts
    scores = np.where(np.arange(width) == 0, 0.0, -np.inf) * np.ones((batch, 1))
    ended = np.zeros((batch, width), bool)
    for _ in range(max_length):
        following, states = translator.step(latest.ravel(), states)
        vocabulary_size = following.shape[-1]
        following = _without_padding(following, (~ended & np.isfinite(scores)).ravel())
        following = following.reshape(batch, width, vocabulary_size)
        # a target that has ended is continued by padding alone, at no cost
        following[ended] = np.where(np.arange(vocabulary_size) == 0, 0.0, -np.inf)
        candidates = (scores[:, :, np.newaxis] + following).reshape(batch, -1)
        chosen = np.argsort(-candidates, axis=1, kind="stable")[:, :width]
        scores = np.take_along_axis(candidates, chosen, axis=1)
        beams, latest = np.divmod(chosen, vocabulary_size)
        tokens = np.take_along_axis(tokens, beams[:, :, np.newaxis], axis=1)
        tokens = np.concatenate([tokens, latest[:, :, np.newaxis]], axis=2)
        ended = np.take_along_axis(ended, beams, axis=1) | (latest == end_id)
        rows = (beams + width * np.arange(batch)[:, np.newaxis]).ravel()
        states = _rows_of(states, rows)
        if np.all(ended | np.isneginf(scores)):
            break
    return tokens, scores


def _rows_of(states: list, rows: np.ndarray) -> list:
    return keras.tree.map_structure(
        lambda state: state[rows] if isinstance(state, np.ndarray) else ops.take(state, rows, 0),
        states,
    )


def _likeliest(tokens, scores, length_penalty: float) -> np.ndarray:
    """Returns which beam (batch,) has the largest log P / T^α, compared by logarithms."""
    lengths = np.maximum((tokens != 0).sum(axis=-1), 1)
    with np.errstate(divide="ignore", over="ignore"):
        costs = np.log(-scores) - length_penalty * np.log(lengths)
    return np.where(np.isneginf(scores), np.inf, costs).argmin(axis=1)


def _without_padding(following: np.ndarray, is_active: np.ndarray) -> np.ndarray:
    """Returns log P (rows, vocabulary) without id 0, or raises if no other token is possible."""
    following[:, 0] = -np.inf
    if not np.isfinite(following[is_active].max(axis=1)).all():
        expected = "one that gives another token than padding a probability"
        raise argument_error("model", expected, "one that continues with padding alone")
    return following


def _draw(following: np.ndarray, temperature: float, generator) -> np.ndarray:
    """Draws a token from each row of log p by p^{1/τ}."""
    if temperature == 0:
        return following.argmax(axis=1)
    # differences from the largest are exact, however small the temperature
    with np.errstate(over="ignore", invalid="ignore"):
        scores = (following - following.max(axis=1, keepdims=True)) / temperature
    # the largest value of log p/τ + Gumbel noise is at each token with the softmax's probability
    return (scores + generator.gumbel(size=scores.shape)).argmax(axis=1)
