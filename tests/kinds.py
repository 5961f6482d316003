"""The kinds of recurrence, each with its layer, its peer in Keras, its oracle."""

import dataclasses
import inspect
from collections.abc import Callable

import keras
import pytest

from keras_seq import layers, ops
from tests.reference import gru, lstm, simple_rnn


@dataclasses.dataclass(frozen=True)
class Kind:
    """One recurrence.

    Attributes:
        layer, cell: Our classes; keras_layer, keras_cell: Keras's.
        recurrence: Our pure function.
        reference: The module of the oracle, and the name of its function.
        states: The names of the initial states in a problem.
        gates: The names of what `return_gates` returns.
        masks: How many dropout masks there are, one for each gate that sees x.
        options: Constructor options beside the defaults, which the pure function
            and the oracle take too.
    """

    layer: type
    cell: type
    keras_layer: type
    keras_cell: type
    recurrence: Callable
    reference: tuple
    states: tuple
    gates: tuple
    masks: int
    options: dict = dataclasses.field(default_factory=dict)

    def problem(self, rows=3, length=5, **sizes):
        """The oracle's arguments, whose numbers are all different, in float64."""
        module, _ = self.reference
        return module.random_problem(rows, length, **sizes, **self.options)

    def oracle(self, **arguments):
        """A dict of "h" and the gates of all steps, and the tuple "state"."""
        module, name = self.reference
        results = getattr(module, name)(**arguments, **self.options)
        if "c" in results:
            results["cell"] = results.pop("c")
        return results

    def accepted(self, **options):
        """Those of the options that the layer takes."""
        taken = inspect.signature(self.layer).parameters
        return {name: value for name, value in options.items() if name in taken}

    def state(self, problem):
        return [problem[name] for name in self.states]

    def weights(self, problem, use_bias=True):
        names = ("kernel", "recurrent_kernel", "bias")
        return [problem[name] for name in names[: 2 + use_bias]]

    def run(self, problem, **options):
        """What the pure function gives for a problem."""
        return self.recurrence(
            problem["x"],
            tuple(self.state(problem)),
            problem["kernel"],
            problem["recurrent_kernel"],
            problem.get("bias"),
            **options,
            **self.options,
        )


_GRU = Kind(
    layers.ExplicitGRU,
    layers.ExplicitGRUCell,
    keras.layers.GRU,
    keras.layers.GRUCell,
    ops.gru,
    (gru, "gru"),
    states=("h_0",),
    gates=gru.GATES,
    masks=3,
)
KINDS = {
    "lstm": Kind(
        layers.ExplicitLSTM,
        layers.ExplicitLSTMCell,
        keras.layers.LSTM,
        keras.layers.LSTMCell,
        ops.lstm,
        (lstm, "lstm"),
        states=("h_0", "c_0"),
        gates=(*lstm.GATES, "cell"),
        masks=4,
    ),
    "gru": _GRU,
    "gru_reset_before": dataclasses.replace(_GRU, options={"reset_after": False}),
    "simple_rnn": Kind(
        layers.ExplicitSimpleRNN,
        layers.ExplicitSimpleRNNCell,
        keras.layers.SimpleRNN,
        keras.layers.SimpleRNNCell,
        ops.simple_rnn,
        (simple_rnn, "simple_rnn"),
        states=("h_0",),
        gates=simple_rnn.GATES,
        masks=1,
    ),
}


def each_kind(*names):
    """Runs a test for each of the named kinds, or for all."""
    names = names or tuple(KINDS)
    return pytest.mark.parametrize("kind", [KINDS[n] for n in names], ids=names)
