"""What the engine asks of a recurrence."""

from typing import Any, ClassVar, NamedTuple


class Equations:
    """One recurrence, forwards and backwards; a subclass states it.

    What passes between the methods are NamedTuples that the subclass defines, in
    the order in which a step runs: `State`, `Kept` and `Shown` forwards, `Factors`,
    `Aside`, `Emitted` and `Finished` backwards. `keras_seq.ops._engine` explains the
    words, with an example.

    Arrays over many steps are (R, ·): R rows, B for each step, or (T, B, ·).

    Attributes:
        State: The state, h first.
        Weights: The recurrence's own weights. Those of two axes are matrices, which
            `step` and `back` get as functions: `products.U(h)` is h U,
            `transposed.U(δ)` is δ Uᵀ.
        Shown: What a caller may ask to see, under the names that they see.
        kept_sizes: How wide the tensors of `Kept` are, in units.
        emitted_sizes: Those of `Emitted`.
        finished_sizes: Those of `Finished`.
    """

    State: ClassVar[Any]
    Weights: ClassVar[Any]
    Shown: ClassVar[Any]
    kept_sizes: Any
    emitted_sizes: ClassVar[NamedTuple]
    finished_sizes: ClassVar[NamedTuple]

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash((type(self), *vars(self).values()))

    def step(self, z, state, products, probe=None):
        """One step forwards.

        Args:
            z: The projected input x W + b. Shape (B, packed).
            state: `State` before the step.
            products: `Weights`, the matrices as functions.
            probe: `State` of what is added to the state, or None. The engine adds
                that of h; what acts inside of the step is added here.

        Returns:
            `State` behind the step, and `Kept`.
        """
        raise NotImplementedError

    def shown(self, states, kept):
        """`Shown`, of all steps, from the states and what was kept of them."""
        raise NotImplementedError

    def only_shown(self, kept):
        """`Kept` with None for what isn't shown."""
        return kept

    def factors(self, before, after, kept, counts, d_shown):
        """What the errors are multiplied by, for many steps at once.

        Args:
            before: `State` before each step.
            after: `State` behind each step.
            kept: `Kept`.
            counts: True where a step counts, or None.
            d_shown: Errors of what is shown, a `Shown`, or None.

        Returns:
            `Factors`, which `back` reads step by step; and what only `finish` reads,
            or None.
        """
        raise NotImplementedError

    def back(self, errors, factors, transposed):
        """One step backwards: only what is sequential stands here.

        Args:
            errors: `State` of the errors behind the step.
            factors: `Factors` of the step.
            transposed: `Weights`, the matrices as functions of errors.

        Returns:
            `State` of the errors before the step, and `Emitted`.
        """
        raise NotImplementedError

    def totals(self, errors, factors):
        """The errors of the states of every step along all paths, a `State`.

        Those that `back` was given lack what one state does to another in a step.
        """
        return errors

    def finish(self, aside, emitted):
        """From `Emitted` to `Finished`, for many steps at once."""
        raise NotImplementedError

    def gather(self, h_prev, finished):
        """The errors of z, of many steps, and of the weights, a `Weights`."""
        raise NotImplementedError
