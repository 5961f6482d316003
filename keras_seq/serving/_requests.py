"""The rows of a request: each is checked before anything is made of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_seq.serving._rows import completion_rules, sampling_rules, search_rules
from keras_seq.typing import Nest, Tensor

ERROR = "error"  # the output that says why a row has no answer
ROWS = 64  # of a request, unless its signature says otherwise

_NEUTRAL = dict.fromkeys(
    ("length", "temperature", "top_p", "repetition_penalty", "width", "n_best"), 1
)


class RequestRows:
    """The inputs of a served function, row by row.

    What a request asks is used through its check: an input that was refused is
    neutral wherever it is read, so that no order of execution lets it reach an
    allocation. A server puts the requests of strangers into one batch. So a row that
    can't be answered gets the reason in the output `error` and neutral values in the
    others (empty strings, 0, False), and its neighbours get their answers; with
    `strict` it is an error of the whole batch.

    Inputs of unequal numbers of rows, and more rows than there may be, are always an
    error of the whole: they are one caller's.

    Args:
        inputs: Dict from names to tensors with a leading batch dimension.
        rows: Rows that a request may have.
        strict: Whether a row that can't be answered fails the batch.

    Example:

    >>> import tensorflow as tf
    >>> rows = RequestRows({"x": tf.constant([4.0, -1.0])})
    >>> rows.refuse(rows["x"] < 0, "x must be >= 0; received ", rows["x"])
    >>> answer = rows.answer(root=tf.sqrt(rows["x"]))
    >>> answer["root"].numpy().tolist()
    [2.0, 0.0]
    >>> answer["error"].numpy().tolist()
    [b'', b'x must be >= 0; received -1']
    """

    def __init__(
        self, inputs: Mapping[str, Tensor], *, rows: int = ROWS, strict: bool = False
    ) -> None:
        self.strict = strict
        (first, value), *others = inputs.items()
        self._count = count = tf.shape(value)[0]
        right, said = (
            count <= rows,
            _joined(f"a request must have at most {rows} rows; received ", count),
        )
        for name, other in others:
            same = tf.shape(other)[0] == count
            must = f"{name} must have as many rows as {first}, "
            unequal = _joined(must, count, "; received ", tf.shape(other)[0])
            right, said = right & same, tf.where(same, said, unequal)
        checks = [_assert(right, said)]
        with tf.control_dependencies(checks):
            self._values = {n: tf.identity(v) for n, v in inputs.items()}
            self._error = tf.fill([tf.identity(count)], "")

    def __getitem__(self, name: str) -> Tensor:
        """An input, neutral in the rows that were refused."""
        return self._values[name]

    @property
    def good(self) -> Tensor:
        """Which rows were not refused so far, booleans (B,)."""
        return self._error == ""

    def refuse(self, wrong: Tensor, *message: Tensor | str) -> None:
        """Refuses rows. Of several reasons the first that is found stands.

        Args:
            wrong: Booleans (B,). Of floats no comparison alone, turned over: TensorFlow
                makes `x <= y` of `~(x > y)`, which lets NaN pass.
            *message: Strings, and tensors () or (B,) of any type: they are joined.
        """
        said = tf.broadcast_to(_joined(*message), [self._count])
        new = self.good & wrong
        checks = []
        if self.strict:
            first = tf.where(new)[:1, 0]  # none where there are no rows
            reason = tf.strings.reduce_join(tf.gather(said, first))
            place = tf.strings.reduce_join(tf.strings.as_string(first + 1))
            checks = [_assert(~tf.reduce_any(new), reason, " in row ", place)]
        with tf.control_dependencies(checks):
            self._error = tf.where(new, said, self._error)
            self._values = {
                name: _where(~new, value, _NEUTRAL.get(name, 0))
                for name, value in self._values.items()
            }

    def replace(self, name: str, value: Tensor) -> None:
        """Puts another value in an input's place, made of the checked one."""
        self._values[name] = value

    def text(self, *names: str, characters: int) -> None:
        """Refuses texts that are too long, and makes the others UTF-8.

        Bytes that aren't UTF-8 become U+FFFD, as in every vocabulary. A text of too
        many bytes is refused by its size alone, before it is read.

        Args:
            *names: Names of inputs.
            characters: Characters that each may have.
        """
        for name in names:
            must = f"{name} must have at most {characters} characters; received "
            size = _largest(tf.strings.length(self[name]))
            self.refuse(size > 4 * characters, must, size, " bytes")
            text = tf.strings.unicode_transcode(self[name], "UTF-8", "UTF-8")
            self.replace(name, text)
            count = _largest(tf.strings.length(text, unit="UTF8_CHAR"))
            self.refuse(count > characters, must, count)

    def bytes(self, *names: str, most: int) -> None:
        """Refuses strings of too many bytes, and leaves the others as they are.

        Args:
            *names: Names of inputs.
            most: Bytes that each may have.
        """
        for name in names:
            size = _largest(tf.strings.length(self[name]))
            self.refuse(
                size > most, f"{name} must have at most {most} bytes; received ", size
            )

    def steps(self, name: str, most: int) -> None:
        """Refuses sequences of no step, or of too many: one of 0 stands for them.

        Args:
            name: Name of an input (B, T, ...).
            most: The largest T.
        """
        value = self[name]
        steps = tf.shape(value)[1]
        fits = (steps >= 1) & (steps <= most)
        value = value[:, : tf.where(fits, steps, 0)]
        missing = [[0, 0], [0, tf.where(fits, 0, 1)]]
        value = tf.pad(value, missing + [[0, 0]] * (value.shape.rank - 2))
        self.replace(name, value)
        must = f"{name} must have 1 to {most} steps; received "
        self.refuse(tf.fill([self._count], ~fits), must, steps)

    def sampling(self, longest: int) -> None:
        """Refuses what is out of range of length, temperature, top_p and seed.

        Args:
            longest: The largest `length`.
        """
        names = ("length", "temperature", "top_p", "seed")
        self._refuse_by(sampling_rules, longest, names)

    def completion(self, longest: int) -> None:
        """Refuses what is out of range of `sampling`, top_k, min_p and the penalty.

        Args:
            longest: The largest `length`.
        """
        names = ("length", "temperature", "top_p", "seed")
        more = ("top_k", "min_p", "repetition_penalty")
        self._refuse_by(completion_rules, longest, (*names, *more))

    def search(self, widest: int, *penalties: str) -> None:
        """Refuses what is out of range of width, n_best and penalties.

        Args:
            widest: The largest `width`.
            *penalties: Names of inputs that must be 0 or more, and finite.
        """
        self._refuse_by(search_rules, widest, ("width", "n_best", *penalties))

    def answer(self, /, **outputs: Tensor) -> dict[str, Tensor]:
        """The outputs, neutral where a row was refused, and `error`.

        A row in which any number is NaN or infinite is refused too.

        Args:
            **outputs: Tensors with a leading batch dimension.

        Returns:
            Dict of them; with `strict` without `error`.
        """
        for name, value in outputs.items():
            if value.dtype.is_floating:
                finite = tf.reduce_all(
                    tf.math.is_finite(value), axis=list(range(1, value.shape.rank))
                )
                self.refuse(~finite, f"the model has no finite {name} for this row")
        answered = {n: _where(self.good, v) for n, v in outputs.items()}
        if not self.strict:
            answered[ERROR] = self._error
        return answered

    def _refuse_by(
        self, rules: Callable[..., Any], most: int, names: Sequence[str]
    ) -> None:
        for name, right, must in rules(most, **{n: self[n] for n in names}):
            self.refuse(~right, f"{name} must be {must}; received ", self[name])


def in_blocks(
    function: Callable[..., Mapping[str, Tensor]], at_once: Tensor, *inputs: Tensor
) -> dict[str, Tensor]:
    """Calls a function with some rows at a time, so that memory stays bounded.

    Args:
        function: From tensors with a leading batch dimension to a dict of such,
            whose other dimensions are the same for all blocks.
        at_once: Rows in a block, an int32 scalar; less than 1 counts as 1.
        *inputs: Tensors (B, ...).

    Returns:
        The dict of all rows.

    Example:

    >>> import tensorflow as tf
    >>> x = tf.range(5)
    >>> in_blocks(lambda x: {"double": 2 * x}, 2, x)["double"].numpy().tolist()
    [0, 2, 4, 6, 8]
    """
    specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs]
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    like = traced.structured_outputs
    count = tf.shape(inputs[0])[0]
    at_once = tf.clip_by_value(at_once, 1, tf.maximum(count, 1))
    blocks = tf.maximum(-(-count // at_once), 1)

    def body(i: Tensor, arrays: Nest) -> tuple[Tensor, Nest]:
        found = traced(*(x[i * at_once : (i + 1) * at_once] for x in inputs))
        return i + 1, {name: a.write(i, found[name]) for name, a in arrays.items()}

    arrays = {
        name: tf.TensorArray(
            value.dtype,
            blocks,
            element_shape=[None, *value.shape[1:]],
            infer_shape=False,
        )
        for name, value in like.items()
    }
    _, arrays = tf.while_loop(lambda i, _: i < blocks, body, (0, arrays))
    return {name: array.concat() for name, array in arrays.items()}


def _assert(right: Tensor, *message: Tensor | str) -> Any:
    return tf.raw_ops.Assert(condition=right, data=[_joined(*message)], name="refused")


def _joined(*parts: Tensor | str) -> Tensor:
    texts = [tf.convert_to_tensor(part) for part in parts]
    return tf.strings.join(
        [text if text.dtype == tf.string else _as_text(text) for text in texts]
    )


def _as_text(number: Tensor) -> Tensor:
    return tf.strings.as_string(number, shortest=number.dtype.is_floating)


def _largest(value: Tensor) -> Tensor:
    """The largest of each row."""
    return tf.reduce_max(value, axis=list(range(1, value.shape.rank)))


def _where(rows: Tensor, value: Tensor, neutral: float = 0) -> Tensor:
    """The value in these rows, a neutral one in the others."""
    rows = tf.reshape(rows, [-1] + [1] * (value.shape.rank - 1))
    other = "" if value.dtype == tf.string else tf.cast(neutral, value.dtype)
    return tf.where(rows, value, other)
