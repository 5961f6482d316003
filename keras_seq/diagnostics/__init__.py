"""Looking inside: pictures of what a model does."""

from keras_seq.diagnostics.attention import drawable, plot_attention
from keras_seq.diagnostics.gates import plot_gates

__all__ = ["drawable", "plot_attention", "plot_gates"]
