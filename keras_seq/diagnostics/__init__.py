"""Looking inside: pictures of what a model does."""

from keras_seq.diagnostics.alignments import (
    AlignmentAgreement,
    alignment_agreement,
    attention_coverage,
    attention_entropy,
)
from keras_seq.diagnostics.attention import drawable, plot_attention
from keras_seq.diagnostics.gates import plot_gates

__all__ = [
    "AlignmentAgreement",
    "alignment_agreement",
    "attention_coverage",
    "attention_entropy",
    "drawable",
    "plot_attention",
    "plot_gates",
]
