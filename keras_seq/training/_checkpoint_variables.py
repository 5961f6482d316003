"""Which variables a checkpoint keeps."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import keras
import numpy as np

from keras_seq.training._checkpoint_files import Contents

# Names of arrays in a file, which a number follows.
_METRIC, _RANDOM = "metric_", "random_"


class Arrays:
    """The values of variables, fetched one by one, so that no two are held at once.

    Args:
        variables: Keras variables.
    """

    def __init__(self, variables: Iterable[keras.Variable]) -> None:
        self._variables = list(variables)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(keras.ops.convert_to_numpy, self._variables)


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """All but metrics: weights, seeds, the optimizer's state, and carried states."""
    metrics = {id(v) for v in model.metrics_variables}
    model_variables = [v for v in model.variables if id(v) not in metrics]
    return model_variables + list(model.optimizer.variables) + carried_states(model)


def assign_variables(model: keras.Model, contents: Contents) -> None:
    """Gives all variables of a model the values that a file has.

    Raises:
        ValueError: If they are those of another model.
    """
    variables = all_variables(model)
    states = len(carried_states(model))
    if states and contents.count == len(variables) - states:
        del variables[-states:]  # version 0.1.0 didn't keep them
    _check_shapes(contents, variables)
    for variable, array in zip(variables, contents, strict=True):
        variable.assign(array)


def _check_shapes(contents: Contents, variables: Sequence[keras.Variable]) -> None:
    """Refuses arrays that are not those of the variables, place for place."""
    found = [array.shape for array in contents]
    expected = [tuple(variable.shape) for variable in variables]
    if found == expected:
        return
    differing = [
        f"{variable.path!r} has shape {tuple(variable.shape)} and had {shape}"
        for variable, shape in zip(variables, found, strict=False)
        if tuple(variable.shape) != shape
    ]
    if len(found) != len(expected):
        differing = [
            f"it holds {len(found)} variables, the model and its optimizer "
            f"have {len(expected)}"
        ]
    raise ValueError(
        f"{os.fspath(contents.path)!r} is the checkpoint of another model: "
        f"{', '.join(differing)}."
    )


def carried_states(model: keras.Model) -> list[keras.Variable]:
    """The states of stateful layers, which Keras has among no variables."""
    return [
        state
        for layer in model._flatten_layers()
        if getattr(layer, "stateful", False)
        for state in keras.tree.flatten(getattr(layer, "states", None))
        if state is not None
    ]


def metric_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """What the metrics have counted since the epoch began."""
    values = enumerate(Arrays(model.metrics_variables))
    return {f"{_METRIC}{number}": value for number, value in values}


def check_metrics(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuses what other metrics have counted."""
    variables: Sequence[keras.Variable] = model.metrics_variables
    found = [array.shape for name, array in arrays.items() if name.startswith(_METRIC)]
    if found != [tuple(variable.shape) for variable in variables]:
        raise ValueError(
            "the checkpoint is of a moment within an epoch, and the model has other "
            f"metrics than it had: {sorted(model.metrics_names)} now. Compile it as "
            "it was."
        )


def assign_metrics(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Lets the metrics go on counting."""
    check_metrics(model, arrays)
    for number, variable in enumerate(model.metrics_variables):
        variable.assign(arrays[f"{_METRIC}{number}"])


def random_arrays() -> dict[str, np.ndarray]:
    """The state of a backend's own random numbers, which Keras's layers may draw.

    PyTorch has one; the others draw from seeds that are variables.
    """
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return {f"{_RANDOM}{i}": state.numpy() for i, state in enumerate(states)}


def assign_random(arrays: Mapping[str, np.ndarray]) -> None:
    """Lets the backend's own random numbers go on."""
    if keras.backend.backend() != "torch" or f"{_RANDOM}0" not in arrays:
        return
    import torch

    torch.set_rng_state(torch.from_numpy(arrays[f"{_RANDOM}0"]))
    for device in range(torch.cuda.device_count()):
        if (state := arrays.get(f"{_RANDOM}{device + 1}")) is not None:
            torch.cuda.set_rng_state(torch.from_numpy(state), device)


def random_part(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of `random_arrays`."""
    return {name: a for name, a in arrays.items() if name.startswith(_RANDOM)}
