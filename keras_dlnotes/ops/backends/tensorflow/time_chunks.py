"""A recurrence as TensorFlow's own loop over chunks of its steps, each of them a compiled call.

XLA compiles a program for each shape, which takes a second and memory that a process never gives
back. So a chunk has room for a fixed number of steps, and one program forward and one back serve
for all lengths that a graph leaves open. To fill a chunk up takes time, and so does a call, that of
some ten steps. So the first few lengths that a graph knows have programs of their own, where one
chunk is the whole sequence, unless it is very long.

The chunks are full but for the last one, which comes after the loop: it takes the steps that are
left, whose number XLA knows there, where the whole graph is compiled.

What the backward pass needs stays in the tensors that the chunks left it in, without a copy. It
adds up the sums over time chunk by chunk.
"""

import functools
from dataclasses import replace

import tensorflow as tf
from keras import ops

from keras_dlnotes.ops.backends.tensorflow.batch_sharding import graph
from keras_dlnotes.ops.recurrent.inputs import SHARED
from keras_dlnotes.ops.recurrent.loop import has_small_kernels

OPEN, MOST = 32, 512  # steps; measured: chunks of 16 take up to 1.3 times as long
EXACT = 4  # lengths that have programs of their own


def in_chunks(op, spec):
    """Returns which op serves for some inputs, given one whose passes are over a chunk.

    Sequences for which chunks have the same room share an op.
    """
    exact: set[int] = set()

    def room_of(length):
        if length is None:
            return OPEN
        room = min(max(1, length), MOST)
        if len(exact) < EXACT:
            exact.add(room)
        return room if room in exact else OPEN

    of_room = functools.cache(functools.partial(_in_chunks_of, op, spec))
    return lambda *inputs: of_room(room_of(inputs[0].shape[1]))


def _in_chunks_of(op, spec, room):
    """The op with passes over whole sequences, in chunks that have room for so many steps."""

    @graph
    def forward(*tensors):
        return _forward(op.forward, _Chunks(tensors, spec, room), saves=True)

    @graph
    def inference(*tensors):
        return _forward(op.inference, _Chunks(tensors, spec, room), saves=False)[0]

    @graph
    def backward(upstream, tensors, residuals):
        chunks = _Chunks(tensors, spec, room)
        return _backward(op.backward, finish, chunks, upstream, residuals)

    finish = graph(op.finish)  # traced once for the loop and the last chunk

    return replace(
        op, forward=forward, inference=inference, backward=backward, finish=None, in_chunks=None
    )


def _forward(run, chunks, saves):
    """((*last states, *all h_t), what `_backward` takes), where `run` passes over a chunk."""
    spec, states = chunks.spec, chunks.spec.step.states

    def forward(index, before):
        found = run(*chunks.tensors(index, before), count=chunks.count(index))
        found, saved = found if saves else (found, ())
        return list(found[:states]), [*found[states:], *saved]

    def body(index, before, lists):
        after, found = forward(index, before)
        return index + 1, after, _set(lists, index, found)

    lists = chunks.lists(spec.return_sequences + saves * spec.saved)
    variables = 0, list(chunks.inputs.states), lists
    if chunks.has_full:
        variables = tf.while_loop(lambda index, *_: index < chunks.full, body, variables)
    _, before, lists = variables
    after, last = forward(None, before)
    by_step = [chunks.join(lists.pop(0), last.pop(0))] if spec.return_sequences else []
    return (*after, *by_step), (*lists, *last)


def _backward(run, finish, chunks, upstream, residuals):
    """A gradient for each tensor."""
    spec, states = chunks.spec, chunks.spec.step.states
    lists, last = residuals[: spec.saved], chunks.open_rows(residuals[spec.saved :])
    upstream = chunks.open_rows(upstream)
    d_states, d_by_step = list(upstream[:states]), [*map(chunks.divide, upstream[states:])]

    def backward(index, d_after, saved):
        tensors, count = chunks.tensors(index, chunks.inputs.states), chunks.count(index)
        d_found = (*d_after, *(chunks.at(index, entry) for entry in d_by_step))
        saved = tuple(saved)
        found = run(d_found, tensors, saved, start=chunks.start(index), count=count)
        d_sequence, *found = finish(tensors, saved, found, count=count)
        return list(found[:states]), found[-SHARED:], d_sequence

    def body(index, d_after, totals, d_sequence):
        saved = [_get(entry, index, like) for entry, like in zip(lists, last, strict=True)]
        d_before, parts, found = backward(index, d_after, saved)
        totals = [total + part for total, part in zip(totals, parts, strict=True)]
        return index - 1, d_before, totals, _set(d_sequence, index, [found])

    *variables, d_last = backward(None, d_states, last)
    variables = chunks.full - 1, *variables, chunks.lists(1)
    if chunks.has_full:
        variables = tf.while_loop(lambda index, *_: index >= 0, body, variables)
    _, d_states, d_weights, (d_sequence,) = variables
    d_sequence = chunks.join(d_sequence, d_last)
    return d_sequence, *d_states, *[None] * len(spec.optional), *d_weights


class _Chunks:
    """The tensors of a recurrence by chunks, which have an index; that of the last one is None."""

    def __init__(self, tensors, spec, room):
        rows, units = tensors[0].shape[0], tensors[-2].shape[0]
        # one program then serves for graphs that know the rows and graphs that do not
        self._opens = has_small_kernels(rows, units) == has_small_kernels(None, units)
        own = self.open_rows(tensors[:-SHARED])
        self.spec, self.inputs = spec, spec.unpack((*own, *tensors[-SHARED:]))
        length = ops.shape(tensors[0])[1]
        self.room = room
        self.full = abs(length - 1) // self.room  # of a sequence of no steps, too, it is 0
        self.has_full = not (isinstance(self.full, int) and self.full == 0)
        self._rest = length - self.full * self.room
        # a chunk is then the whole sequence, and its program that of a fixed number of steps
        self._is_whole = isinstance(length, int) and length == self.room
        by_step = {"sequence": self.inputs.sequence, "mask": self.inputs.mask}
        self._divided = {
            name: self.divide(entry) for name, entry in by_step.items() if entry is not None
        }

    def open_rows(self, tensors):
        """The tensors, their number of rows unknown where that makes no other program."""
        if not self._opens:
            return tensors
        return [
            tf.compat.v1.placeholder_with_default(tensor, (None, *tensor.shape[1:]))
            for tensor in tensors
        ]

    def divide(self, sequence):
        """(batch, time, width) as (batch, chunks, room, width), the last one filled up."""
        if self._is_whole:
            return sequence
        batch, _, width = ops.shape(sequence)
        filled = tf.pad(sequence, [[0, 0], [0, self.room - self._rest], [0, 0]])
        return tf.reshape(filled, (batch, self.full + 1, self.room, width))

    def join(self, full, last):
        """The inverse, where the full chunks are in a list."""
        if self._is_whole:
            return last
        last = last[:, : self._rest]
        if not self.has_full:
            return last
        batch, _, width = ops.shape(last)
        stack = tf.raw_ops.TensorListStack(
            input_handle=full,
            element_shape=tf.stack([batch, self.room, width]),
            element_dtype=last.dtype,
        )
        by_row = tf.transpose(stack[: self.full], (1, 0, 2, 3))
        return tf.concat([tf.reshape(by_row, (batch, self.full * self.room, width)), last], 1)

    def at(self, index, divided):
        """A chunk of what `divide` returned."""
        if self._is_whole:
            return divided
        return divided[:, self.full if index is None else index]

    def tensors(self, index, states):
        """The tensors of a chunk, with these states before it."""
        by_step = {name: self.at(index, entry) for name, entry in self._divided.items()}
        return self.spec.pack(self.inputs._replace(states=tuple(states), **by_step))[0]

    def start(self, index):
        """The place of a chunk's first step in the sequence."""
        if self._is_whole:
            return 0
        return tf.convert_to_tensor((self.full if index is None else index) * self.room)

    def count(self, index):
        """The number of a chunk's steps, None where that is known to be the room."""
        if self._is_whole:
            return None
        return tf.convert_to_tensor(self._rest if index is None else self.room)

    def lists(self, count):
        """Lists of a tensor for each chunk."""
        return [
            tf.raw_ops.TensorListReserve(
                element_shape=-1,
                # one more than is full: XLA compiles the loop also where it runs no step
                num_elements=self.full + 1,
                element_dtype=self.inputs.sequence.dtype,
            )
            for _ in range(count)
        ]


def _set(lists, index, tensors):
    return [
        tf.raw_ops.TensorListSetItem(input_handle=entry, index=index, item=tensor)
        for entry, tensor in zip(lists, tensors, strict=True)
    ]


def _get(entry, index, like):
    return tf.raw_ops.TensorListGetItem(
        input_handle=entry,
        index=index,
        element_shape=[-1 if size is None else size for size in like.shape],
        element_dtype=like.dtype,
    )
