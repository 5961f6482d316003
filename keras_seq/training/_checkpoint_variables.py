"""Which variables a checkpoint keeps."""

import keras


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """All but metrics: weights, seeds, the optimizer's state, and carried states."""
    metrics = {id(v) for v in model.metrics_variables}
    model_variables = [v for v in model.variables if id(v) not in metrics]
    return model_variables + list(model.optimizer.variables) + carried_states(model)


def carried_states(model: keras.Model) -> list[keras.Variable]:
    """The states of stateful layers, which Keras has among no variables."""
    return [
        state
        for layer in model._flatten_layers()
        if getattr(layer, "stateful", False)
        for state in keras.tree.flatten(getattr(layer, "states", None))
        if state is not None
    ]
