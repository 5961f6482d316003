"""Recurrent networks of PyTorch's as layers of ours."""

import re
from collections.abc import Mapping
from typing import Any, Literal, overload

import keras
import numpy as np

from keras_seq.layers._arguments import check_flag, check_rate
from keras_seq.layers._recurrent import RecurrentLayer
from keras_seq.layers.gru import ExplicitGRU
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.layers.simple_rnn import ExplicitSimpleRNN
from keras_seq.layers.stack import KINDS, ExplicitStack

_NAME = re.compile(r"(weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)_l(\d+)(_reverse)?")
# By how many gates a row of weights has: rows of `weight_hh` by units.
_KINDS = {1: ExplicitSimpleRNN, 3: ExplicitGRU, 4: ExplicitLSTM}


@overload
def from_torch(
    state_dict: Mapping[str, Any],
    *,
    nonlinearity: str = "tanh",
    dropout: float = 0.0,
    stack: Literal[False] = False,
) -> keras.Sequential: ...


@overload
def from_torch(
    state_dict: Mapping[str, Any],
    *,
    nonlinearity: str = "tanh",
    dropout: float = 0.0,
    stack: Literal[True],
) -> ExplicitStack: ...


def from_torch(
    state_dict: Mapping[str, Any],
    *,
    nonlinearity: str = "tanh",
    dropout: float = 0.0,
    stack: bool = False,
) -> keras.Sequential | ExplicitStack:
    """Makes of `torch.nn.LSTM`, `GRU` or `RNN` a stack of layers with its weights.

    Which of them, the sizes, the number of layers and whether they run in both
    directions follow from the names and shapes of the weights. PyTorch's layout is
    turned into Keras's:

    ```
    LSTM (i, f, g, o) → (i, f, c̃, o)     W = W_ihᵀ, U = W_hhᵀ, b = b_ih + b_hh
    GRU  (r, z, n)    → (z, r, h̃)        b = [b_ih; b_hh], `reset_after=True`
    RNN                                   W = W_ihᵀ, U = W_hhᵀ, b = b_ih + b_hh
    ```

    and the projection of an LSTM with `proj_size`, V = W_hrᵀ.

    Args:
        state_dict: `module.state_dict()`, or a mapping from its names to arrays
            ("weight_ih_l0", "bias_hh_l1_reverse", ...). PyTorch isn't needed.
        nonlinearity: Of `torch.nn.RNN`, which its weights don't tell: "tanh" or
            "relu".
        dropout: Share of the outputs of each layer but the last that is dropped in
            training, in [0, 1), as PyTorch's argument of that name.
        stack: Whether to make one `ExplicitStack`, which returns the output of all
            steps (0 where they are masked, as PyTorch's of packed sequences), the
            states and the gates of every layer and direction.

    Returns:
        `keras.Sequential`, from (B, T, D) to (B, T, units), or (B, T, 2 · units) in
        both directions, `proj_size` for units if there is one: the last layer's output
        as `batch_first=True` gives it. Its layers are `ExplicitLSTM`, `ExplicitGRU` or
        `ExplicitSimpleRNN`, in `keras.layers.Bidirectional` where there are two
        directions. With `stack=True` an `ExplicitStack`.

    Raises:
        ValueError: If a weight is missing, unknown, or of a shape that doesn't fit.
        TypeError: If `state_dict` is no mapping.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> state = {
    ...     "weight_ih_l0": rng.normal(size=(16, 3)),
    ...     "weight_hh_l0": rng.normal(size=(16, 4)),
    ...     "bias_ih_l0": rng.normal(size=16),
    ...     "bias_hh_l0": rng.normal(size=16),
    ... }
    >>> model = from_torch(state)
    >>> model(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 5, 4])
    """
    check_rate("dropout", dropout)
    check_flag("stack", stack)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(
            f"`nonlinearity` must be 'tanh' or 'relu'; received {nonlinearity!r}."
        )
    weights = _by_place(state_dict)
    depth = len({layer for layer, _ in weights})
    directions = sorted({way for _, way in weights} | {False})
    expected = {(number, way) for number in range(depth) for way in directions}
    if weights.keys() != expected:
        odd = sorted(_suffix(*place) for place in weights.keys() ^ expected)
        raise ValueError(
            "`state_dict` must have all layers from l0 on, with the same directions; "
            f"received {sorted(state_dict)}, which differs in {odd}."
        )
    first = weights[0, False]
    size = first["weight_ih"].shape[-1] if "weight_ih" in first else 0
    model = keras.Sequential([keras.Input((None, size))])
    made: list[tuple[RecurrentLayer, list[Any]]] = []
    for number in range(depth):
        cells = []
        for backwards in directions:
            given, suffix = weights[number, backwards], _suffix(number, backwards)
            cells.append(_layer(given, suffix, size, nonlinearity, backwards))
        made += cells
        size = sum(layer.state_size[0] for layer, _ in cells)
        if stack:
            continue
        layer = cells[0][0]
        if len(cells) == 2:
            layer = keras.layers.Bidirectional(layer, backward_layer=cells[1][0])
        model.add(layer)
        layer.set_weights([array for _, arrays in cells for array in arrays])
        if dropout and number < depth - 1:
            model.add(keras.layers.Dropout(dropout))
    return _stack(made, len(directions), dropout) if stack else model


def _stack(
    made: list[tuple[RecurrentLayer, list[Any]]], directions: int, dropout: float
) -> ExplicitStack:
    """One layer of layers and their weights."""
    names = "units", "use_bias", "proj_size"
    options: list[dict[str, Any]] = [
        {name: getattr(layer, name) for name in names if hasattr(layer, name)}
        for layer, _ in made
    ]
    if any(other != options[0] for other in options):
        raise ValueError(
            "`state_dict` must have layers of one size, all with biases or none; "
            f"received layers of {options}."
        )
    (kind,) = [name for name, one in KINDS.items() if type(made[0][0]) is one]
    if kind == "simple_rnn":
        options[0]["activation"] = keras.activations.serialize(made[0][0].activation)
    stack = ExplicitStack(
        kind,
        options[0].pop("units"),
        len(made) // directions,
        bidirectional=directions == 2,
        dropout=dropout,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        layer_options={**options[0], "zero_output_for_mask": True},
    )
    stack.build((None, None, made[0][1][0].shape[0]))
    for layer, (_, arrays) in zip(stack.recurrent_layers, made, strict=True):
        layer.set_weights(arrays)
    return stack


def _suffix(layer: int, reverse: bool) -> str:
    return f"l{layer}_reverse" if reverse else f"l{layer}"


def _by_place(state_dict: Mapping[str, Any]) -> dict[tuple[int, bool], dict[str, Any]]:
    """The weights of each layer and direction, as arrays."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            "`state_dict` must be a mapping from names to arrays, such as "
            f"`module.state_dict()`; received a {type(state_dict).__name__}."
        )
    found: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, value in state_dict.items():
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(
                "`state_dict` must be that of a torch.nn.LSTM, GRU or RNN by itself; "
                f"received a weight named {name!r}, where weight_ih_l0, "
                "bias_hh_l1_reverse and the like were expected."
            )
        kind, layer, reverse = match.groups()
        place = found.setdefault((int(layer), reverse is not None), {})
        place[kind] = _as_array(name, value, 1 if kind.startswith("bias") else 2)
    if not found:
        raise ValueError("`state_dict` must have weights; received none.")
    return found


def _as_array(name: str, value: Any, rank: int) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16.
        value = (value if "bfloat16" not in str(value.dtype) else value.float()).numpy()
    array = np.asarray(value)
    if array.ndim != rank or array.dtype.kind not in "fiu":
        raise ValueError(
            f"'{name}' must be real numbers with {rank} "
            f"{'axis' if rank == 1 else 'axes'}; received dtype {array.dtype}, shape "
            f"{array.shape}."
        )
    return array


def _layer(
    given: dict[str, Any], suffix: str, size: int, nonlinearity: str, backwards: bool
) -> tuple[Any, list[Any]]:
    """A layer of one direction, and its weights in Keras's layout."""
    for name in ("weight_ih", "weight_hh"):
        if name not in given:
            raise ValueError(
                f"`state_dict` must have '{name}_{suffix}'; it is missing."
            )
    W_ih, W_hh = given["weight_ih"], given["weight_hh"]
    W_hr = given.get("weight_hr")
    proj_size = None if W_hr is None else W_hr.shape[0]
    units = W_hh.shape[-1] if W_hr is None else W_hr.shape[-1]
    gates = W_hh.shape[0] // max(units, 1)
    if W_hh.shape != (gates * units, proj_size or units) or gates not in _KINDS:
        raise ValueError(
            f"'weight_hh_{suffix}' must have shape (gates · units, units) with 1, 3 or "
            f"4 gates, or (4 · units, proj_size); received {W_hh.shape}."
        )
    if W_hr is not None and gates != 4:
        raise ValueError(
            f"'weight_hr_{suffix}', a projection, must belong to an LSTM; received "
            f"'weight_hh_{suffix}' of {gates} gates."
        )
    expected: dict[str, tuple[int, ...]] = {"weight_ih": (gates * units, size)}
    biases = {"bias_ih", "bias_hh"} & set(given)
    if len(biases) == 1:
        raise ValueError(
            f"`state_dict` must have both 'bias_ih_{suffix}' and 'bias_hh_{suffix}' or "
            f"neither; received {sorted(biases)} alone."
        )
    expected |= dict.fromkeys(biases, (gates * units,))
    for name, shape in expected.items():
        if given[name].shape != shape:
            raise ValueError(
                f"'{name}_{suffix}' must have shape {shape}; received "
                f"{given[name].shape}."
            )
    options: dict[str, Any] = {
        "use_bias": bool(biases),
        "return_sequences": True,
        "go_backwards": backwards,
    }
    if gates == 1:
        options["activation"] = nonlinearity
    if proj_size is not None:
        options["proj_size"] = proj_size
    arrays = [_in_order(W_ih, gates).T, _in_order(W_hh, gates).T]
    if biases:
        b_ih, b_hh = (_in_order(given[name], gates) for name in ("bias_ih", "bias_hh"))
        arrays.append(np.stack([b_ih, b_hh]) if gates == 3 else b_ih + b_hh)
    if W_hr is not None:
        arrays.append(W_hr.T)
    return _KINDS[gates](units, **options), arrays


def _in_order(rows: Any, gates: int) -> Any:
    """The gates in Keras's order: of a GRU z before r."""
    if gates != 3:
        return rows
    r, z, n = np.split(rows, 3)
    return np.concatenate([z, r, n])
