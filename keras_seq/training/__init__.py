"""What Keras lacks for training: resuming, batches, losses, schedules, baselines."""

from keras_seq.training.batches import batches_by_length, batches_by_tokens, pad
from keras_seq.training.checkpoint import EpochCheckpoint
from keras_seq.training.epochs import epoch_dataset, passes_per_epoch
from keras_seq.training.folds import assign_folds
from keras_seq.training.kneser_ney import KneserNeyModel
from keras_seq.training.next_token import (
    next_token_batches,
    next_token_dataset,
    ngram_nats,
)
from keras_seq.training.ngram import NgramModel
from keras_seq.training.precision import (
    by_dtype_policy,
    dtype_policy_scope,
    in_float32,
)
from keras_seq.training.schedules import (
    InverseSquareRootDecay,
    WarmUp,
    warmed_up_cosine,
)
from keras_seq.training.sequence_loss import (
    Perplexity,
    SequenceCrossEntropy,
    TokenAccuracy,
    TokenNats,
)
from keras_seq.training.sequence_to_sequence import pair_batches, pair_dataset
from keras_seq.training.streams import (
    ResetState,
    stream_batches,
    stream_dataset,
    stream_steps,
)

__all__ = [
    "EpochCheckpoint",
    "InverseSquareRootDecay",
    "KneserNeyModel",
    "NgramModel",
    "Perplexity",
    "ResetState",
    "SequenceCrossEntropy",
    "TokenAccuracy",
    "TokenNats",
    "WarmUp",
    "assign_folds",
    "batches_by_length",
    "batches_by_tokens",
    "by_dtype_policy",
    "dtype_policy_scope",
    "epoch_dataset",
    "in_float32",
    "next_token_batches",
    "next_token_dataset",
    "ngram_nats",
    "pad",
    "pair_batches",
    "pair_dataset",
    "passes_per_epoch",
    "stream_batches",
    "stream_dataset",
    "stream_steps",
    "warmed_up_cosine",
]
