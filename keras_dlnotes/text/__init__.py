"""Tokens: text to integer ids and back, and the probability of a sequence of them."""

from keras_dlnotes.text.byte_pair import BytePairTokenizer
from keras_dlnotes.text.probability import sequence_log_probability
from keras_dlnotes.text.rules import RuleTokenizer
from keras_dlnotes.text.tokenization import Tokenization

__all__ = ["BytePairTokenizer", "RuleTokenizer", "Tokenization", "sequence_log_probability"]
