"""Looking inside: pictures of what a model does."""

from keras_seq.diagnostics.gates import plot_gates

__all__ = ["plot_gates"]
