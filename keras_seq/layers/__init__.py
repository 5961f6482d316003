"""Keras layers that show their inner workings."""

from keras_seq.layers._transformer_cache import TransformerState
from keras_seq.layers.attention_decoder import AttentionDecoder, DecoderState
from keras_seq.layers.attention_mechanism import AttentionMechanism
from keras_seq.layers.attention_pooling import AttentionPooling
from keras_seq.layers.bahdanau_attention import BahdanauAttention
from keras_seq.layers.bahdanau_decoder import BahdanauDecoder
from keras_seq.layers.conversion import as_keras, explicit, load_keras_weights
from keras_seq.layers.encoder_decoder import EncoderDecoder
from keras_seq.layers.gru import ExplicitGRU
from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.layers.initializers import ChronoBias, ForgetBias
from keras_seq.layers.language_model import RecurrentLanguageModel
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.lstm_cell import ExplicitLSTMCell
from keras_seq.layers.luong_attention import LuongAttention
from keras_seq.layers.monotonic_attention import MonotonicAttention
from keras_seq.layers.positional_encoding import PositionalEncoding
from keras_seq.layers.simple_rnn import ExplicitSimpleRNN
from keras_seq.layers.simple_rnn_cell import ExplicitSimpleRNNCell
from keras_seq.layers.stack import ExplicitStack
from keras_seq.layers.suffix_attention import SuffixAttention
from keras_seq.layers.time_distributed import TimeDistributed
from keras_seq.layers.torch_weights import from_torch
from keras_seq.layers.transformer_decoder import TransformerDecoder
from keras_seq.layers.transformer_encoder import TransformerEncoder

__all__ = [
    "AttentionDecoder",
    "AttentionMechanism",
    "AttentionPooling",
    "BahdanauAttention",
    "BahdanauDecoder",
    "ChronoBias",
    "DecoderState",
    "EncoderDecoder",
    "ExplicitGRU",
    "ExplicitGRUCell",
    "ExplicitLSTM",
    "ExplicitLSTMCell",
    "ExplicitSimpleRNN",
    "ExplicitSimpleRNNCell",
    "ExplicitStack",
    "ForgetBias",
    "LuongAttention",
    "MonotonicAttention",
    "PositionalEncoding",
    "RecurrentLanguageModel",
    "SuffixAttention",
    "TimeDistributed",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerState",
    "as_keras",
    "explicit",
    "from_torch",
    "load_keras_weights",
]
