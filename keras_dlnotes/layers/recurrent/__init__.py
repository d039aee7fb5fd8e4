"""Recurrent layers, their cells, and two directions of them."""

from keras_dlnotes.layers.recurrent.bidirectional import Bidirectional
from keras_dlnotes.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_dlnotes.layers.recurrent.layers import GRU, LSTM, SimpleRNN

__all__ = ["GRU", "LSTM", "Bidirectional", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell"]
