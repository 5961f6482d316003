"""Layers and cells of the variants with given random weights, and their oracle."""

import numpy as np
import pytest

from tests.kinds import KINDS
from tests.layers.peers import UNITS
from tests.reference import variants

OPTIONS = {
    "layer_norm": {"layer_norm": True},
    "peepholes": {"peepholes": True},
    "zoneout": {"zoneout": 0.3},
    "pair": {"zoneout": (0.2, 0.6)},
    "all": {"layer_norm": True, "peepholes": True, "zoneout": 0.3},
}
CASES = [
    (name, options)
    for name in KINDS
    for options in OPTIONS
    if name == "lstm" or options not in ("peepholes", "pair")
]
each_case = pytest.mark.parametrize(("name", "options"), CASES)


def options_of(name, options):
    return KINDS[name].accepted(**OPTIONS[options])


def extras(name, options):
    wanted = {k: v for k, v in options.items() if k in ("layer_norm", "peepholes")}
    return variants.random_extras(name, UNITS, **{"layer_norm": False, **wanted})


def made(name, options, *, cell=False, **more):
    """The layer, or the cell, in float64, with weights of a random problem."""
    kind = KINDS[name]
    make = kind.cell if cell else kind.layer
    layer = make(UNITS, **{"dtype": "float64", **kind.options, **options, **more})
    layer.build((3, 2) if cell else (3, None, 2))
    given = [*kind.weights(kind.problem()), *extras(name, options).values()]
    layer.set_weights(given)
    return layer


def oracle(name, options, problem=None, **more):
    """What the oracle gives in inference, where zoneout is its expectation."""
    rates = np.broadcast_to(options.get("zoneout", 0.0), len(KINDS[name].states))
    arguments = {"zoneout": list(rates), **extras(name, options), **more}
    problem = KINDS[name].problem() if problem is None else problem
    return variants.run(**problem, kind=name, **arguments)
