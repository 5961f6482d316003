"""The remedies of the long-term memory study, by name; the disease first."""

import dataclasses

SLOW, FAST = 3e-3, 1e-2  # learning rates of Adam, without gates and with


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A model of the study.

    Attributes:
        label: Name for readers.
        layer: What `recurrent_layer` makes.
        clipped: Whether the gradient is clipped.
        learning_rate: Of Adam.
    """

    label: str
    layer: str
    clipped: bool
    learning_rate: float


# In the lecture's order: the disease first.
REMEDIES = {
    "tanh": Remedy("tanh RNN", "tanh", False, SLOW),
    "tanh-clipped": Remedy("tanh RNN, clipped", "tanh", True, SLOW),
    "relu": Remedy("ReLU RNN", "relu", False, SLOW),
    "relu-clipped": Remedy("ReLU RNN, clipped", "relu", True, SLOW),
    "irnn": Remedy("IRNN", "irnn", False, SLOW),
    "irnn-clipped": Remedy("IRNN, clipped", "irnn", True, SLOW),
    "lstm-forget-0": Remedy("LSTM, forget bias 0", "lstm-forget-0", True, FAST),
    "lstm-forget-1": Remedy("LSTM, forget bias 1", "lstm-forget-1", True, FAST),
    "lstm-chrono": Remedy("LSTM, chrono", "lstm-chrono", True, FAST),
    "gru": Remedy("GRU", "gru", True, FAST),
}
# Not among those that are compared: it shows what clipping does.
EXPLODING = Remedy("ReLU RNN, 1.5 × orthogonal", "exploding", False, FAST)
