"""What every recipe needs and Keras lacks: run directories, resuming, reports."""

from keras_seq.training.bars import plot_bars
from keras_seq.training.batches import batches_by_length, batches_by_tokens, pad
from keras_seq.training.checkpoint import EpochCheckpoint
from keras_seq.training.command_line import (
    check_out,
    command_line,
    picture_file,
    print_or_write,
)
from keras_seq.training.curves import plot_history
from keras_seq.training.epochs import epoch_dataset
from keras_seq.training.folds import assign_folds
from keras_seq.training.kneser_ney import KneserNeyModel
from keras_seq.training.next_token import (
    next_token_batches,
    next_token_dataset,
    ngram_nats,
)
from keras_seq.training.ngram import NgramModel
from keras_seq.training.progress import Progress
from keras_seq.training.report import Report
from keras_seq.training.run_directory import RunDirectory
from keras_seq.training.schedules import InverseSquareRootDecay, WarmUp
from keras_seq.training.sequence_loss import (
    Perplexity,
    SequenceCrossEntropy,
    TokenAccuracy,
    TokenNats,
)
from keras_seq.training.sequence_to_sequence import pair_batches, pair_dataset
from keras_seq.training.settings import check_settings
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
    "Progress",
    "Report",
    "ResetState",
    "RunDirectory",
    "SequenceCrossEntropy",
    "TokenAccuracy",
    "TokenNats",
    "WarmUp",
    "assign_folds",
    "batches_by_length",
    "batches_by_tokens",
    "check_out",
    "check_settings",
    "command_line",
    "epoch_dataset",
    "next_token_batches",
    "next_token_dataset",
    "ngram_nats",
    "pad",
    "pair_batches",
    "pair_dataset",
    "picture_file",
    "plot_bars",
    "plot_history",
    "print_or_write",
    "stream_batches",
    "stream_dataset",
    "stream_steps",
]
