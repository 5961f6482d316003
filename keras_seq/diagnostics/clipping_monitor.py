"""How often, and by how much, an optimizer clips its gradients."""

import contextlib
import math
import os
import typing
from collections.abc import Callable, Iterator, Sequence

import keras
from keras import ops

from keras_seq.diagnostics._clipping import with_step
from keras_seq.diagnostics._records import CsvTable
from keras_seq.diagnostics._replacing import replaced
from keras_seq.typing import Nest, Tensor

Logs: typing.TypeAlias = dict[str, typing.Any]
Gradients: typing.TypeAlias = Sequence[Tensor | None]

NAMES = (
    "clipping_steps",
    "clipping_share",
    "clipping_factor",
    "clipping_norm",
    "clipping_largest_norm",
    "clipping_not_finite",
)


class ClippingMonitor(keras.callbacks.Callback):
    """Tells how often, and by how much, the optimizer clips its gradients.

    Keras clips (`clipnorm`, `global_clipnorm`, `clipvalue`) without saying when. At
    the end of each epoch this adds to the logs, for the callbacks behind it and for
    the history:

    ```
    clipping_steps          updates of the weights
    clipping_share          share of them in which clipping changed the gradient
    clipping_factor         |clipped g| / |g|, the mean over those; 1 if there are none
    clipping_norm           |g| before clipping, the mean over all steps
    clipping_largest_norm   the largest |g| before clipping
    clipping_not_finite     steps whose |g| is infinite or NaN; only
                            `clipping_steps` counts them too
    ```

    g is the gradient of all weights together, and |g| = √Σg² in float32, after the
    scale of the loss has been taken out. Whether a step is clipped is decided as by
    the optimizer: with `clipnorm` if that of any one variable is longer than that,
    with `global_clipnorm` if g is, with `clipvalue` if any entry is larger. With an
    optimizer that clips nothing the norms are measured all the same, and the share
    is 0.

    With `gradient_accumulation_steps` a step is an update, not a batch, and g the
    mean gradient that is clipped then. Steps that `LossScaleOptimizer` leaves out
    are not counted. On TensorFlow the gradient of an embedding has a row for each
    token that was looked up, and Keras clips before those of equal tokens are added
    up: the norms are those of the rows, as Keras compares them, and the factor is
    that of the sum.

    It works with the TensorFlow, JAX and PyTorch backends, in graphs, with XLA and
    eagerly. The price: one pass over the gradient a step, two if the optimizer
    clips, and six numbers that are kept on the device; and one more tracing (on
    PyTorch with `jit_compile` one more compilation) of the training step in each
    `fit`. The optimizer is changed while a step runs, and neither it nor the
    model is otherwise, so nothing stays behind when training ends, or is cut short.

    Args:
        filename: CSV file to which a line an epoch is added, with the epoch (from
            0) and the values above; None for none. What it has stays, and must be
            such lines. It is written whole or not at all.

    Raises:
        ValueError: When training starts, if the model has no optimizer or one that
            isn't Keras's, trains on several replicas of `tf.distribute` (each of
            which clips by itself), or has such a callback twice; or if `filename`
            has other columns.
        FileNotFoundError: When training starts, if the folder of `filename` is
            missing.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.01, global_clipnorm=1.0), "mse")
    >>> x = np.ones((8, 1), "float32")
    >>> history = model.fit(
    ...     x, 100 * x, batch_size=2, verbose=0, callbacks=[ClippingMonitor()]
    ... )
    >>> history.history["clipping_steps"], history.history["clipping_share"]
    ([4], [1.0])

    References:
        Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent
        neural networks.
    """

    def __init__(self, filename: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        self.filename = filename
        self._table = CsvTable(filename, ("epoch", *NAMES))
        self._run: typing.Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._table.check()
        leftover = vars(self.model).get("train_function")
        if isinstance(leftover, _Step):
            # Another callback has failed just before a step.
            self.model.train_function = leftover.given
        self._run = _Run(self.model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._run.reset()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._run.prepare_step()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = self._run.values()
        if logs is not None:
            logs.update(values)
        self._table.add([{"epoch": epoch, **values}])

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._run = None


class _Step:
    """The training step, measured: it stands in the model's place for it once."""

    def __init__(self, run: "_Run", given: Callable[..., Nest]) -> None:
        self.run = run
        self.given = given

    def __call__(self, *args: Nest) -> Nest:
        self.run.model.train_function = self.given
        return self.run.step(*args)


class _Run:
    """One training of a model whose steps are measured."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.totals = keras.Variable(
            ops.zeros(len(NAMES)), trainable=False, autocast=False, name="clipping"
        )
        self.trace()

    def trace(self) -> None:
        """Makes a training step of its own, that knows of the measurement."""
        self.optimizer = _clipping_optimizer(self.model)
        self.given = self.model.train_function
        try:
            with self.measuring():
                self.model.make_train_function(force=True)
            self.train_function = self.model.train_function
        finally:
            self.model.train_function = self.given

    def prepare_step(self) -> None:
        """Puts the measured step in the place of the model's own, for one call."""
        current = self.model.train_function
        if isinstance(current, _Step):
            raise ValueError(
                "`callbacks` must have at most one ClippingMonitor; received another."
            )
        if current is not self.given:  # a callback has compiled the model anew
            self.trace()
        self.model.train_function = _Step(self, self.given)

    def step(self, *args: Nest) -> Nest:
        with self.measuring():
            if keras.backend.backend() != "jax":
                return self.train_function(*args)
            # What a step of JAX may change comes in and goes out as its state.
            state, iterator = args
            weights, others, optimizer, metrics = state
            optimizer = [*optimizer, self.totals.value]
            logs, state = self.train_function(
                (weights, others, optimizer, metrics), iterator
            )
            weights, others, optimizer, metrics = state
            *optimizer, totals = optimizer
            self.totals.assign(totals)
            return logs, (weights, others, optimizer, metrics)

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """Within it, the optimizer measures what it clips."""
        clip = self.optimizer._clip_gradients

        def measured_clip(gradients: Gradients) -> Gradients:
            clipped = clip(gradients)
            totals = ops.convert_to_tensor(self.totals)
            self.totals.assign(with_step(totals, self.optimizer, gradients, clipped))
            return clipped

        with contextlib.ExitStack() as stack:
            stack.enter_context(
                replaced(self.optimizer, "_clip_gradients", measured_clip)
            )
            if keras.backend.backend() == "jax":
                variables = [*self.optimizer._variables, self.totals]
                stack.enter_context(replaced(self.optimizer, "_variables", variables))
            yield

    def reset(self) -> None:
        self.totals.assign(ops.zeros(len(NAMES)))

    def values(self) -> dict[str, float]:
        totals = ops.convert_to_numpy(self.totals).tolist()
        steps, clipped, factors, norms, largest, not_finite = totals
        counted = steps - not_finite
        values = (
            int(steps),
            clipped / counted if counted else math.nan,
            factors / clipped if clipped else 1.0,
            norms / counted if counted else math.nan,
            largest if counted else math.nan,
            int(not_finite),
        )
        return dict(zip(NAMES, values, strict=True))


def _clipping_optimizer(model: keras.Model) -> typing.Any:
    """The optimizer of a model that clips, inside of one that scales the loss."""
    optimizer: typing.Any = getattr(model, "optimizer", None)
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            "The model must be compiled with an optimizer of Keras to watch its "
            f"clipping; received {optimizer!r}."
        )
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "The model must train on one replica: each would clip by itself; received "
            f"a strategy with {strategy.num_replicas_in_sync}."
        )
    return optimizer
