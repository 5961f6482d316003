"""Additive attention and its gradient."""

from keras import ops

from keras_seq.ops.alignment import masked_softmax


class AdditiveAttention:
    """Additive attention with one query a row.

    ```
    u_s = tanh(q + k_s),   e_s = vᵀ u_s,   a = softmax(e),   context = Σ_s a_s m_s

    δa_s = m_sᵀ δcontext
    δe_s = a_s (δa_s - Σ_r a_r δa_r)
    δk_s = δe_s v ⊙ (1 - u_s²),   δq = Σ_s δk_s,   ∂L/∂v = Σ_s δe_s u_s
    ```

    u is the one large array, (B, S, units). It is computed again backwards
    instead of kept for every step.

    Args:
        keys: k. Shape (B, S, units).
        memory: m, 0 where it is masked. Shape (B, S, E).
        mask: True where a position counts, shape (B, S), or None.
        energy_weights: v. Shape (units,).
    """

    def __init__(self, keys, memory, mask, energy_weights):
        self.keys, self.memory, self.mask = keys, memory, mask
        self.energy_weights = energy_weights

    def hidden(self, query):
        """Gives u, (B, S, units), of q, (B, units)."""
        return ops.tanh(ops.expand_dims(query, 1) + self.keys)

    def step(self, query, factors):
        """Attends with q.

        Args:
            query: q. Shape (B, units).
            factors: Dropout's factors on the weights, (B, S), or None.

        Returns:
            The context (B, E) and the weights before dropout (B, S).
        """
        hidden = self.hidden(query)
        energies = ops.matmul(hidden, ops.expand_dims(self.energy_weights, -1))
        weights = masked_softmax(energies[..., 0], self.mask)
        shown = weights if factors is None else weights * factors
        return ops.matmul(ops.expand_dims(shown, 1), self.memory)[:, 0], weights

    def back(self, d_context, d_weights, query, weights, factors):
        """From the error of the context to that of the energies and of u.

        Args:
            d_context: Shape (B, E).
            d_weights: Error of the weights that were shown, (B, S), or None.
            query: q. Shape (B, units).
            weights: a. Shape (B, S).
            factors: As in `step`.

        Returns:
            δe (B, S); δq (B, units); this step's part of what `keys_error` wants,
            δe_s u_s² (B, S, units); and Σ_s δe_s u_s, summed over the rows,
            (1, units).
        """
        d_a = ops.matmul(self.memory, ops.expand_dims(d_context, -1))[..., 0]
        if factors is not None:
            d_a = d_a * factors
        if d_weights is not None:
            d_a = d_a + d_weights
        d_e = weights * (d_a - ops.sum(weights * d_a, axis=-1, keepdims=True))
        hidden = self.hidden(query)
        squared = hidden * hidden
        in_rows = ops.expand_dims(d_e, 1)
        d_query = self.energy_weights * (
            ops.sum(d_e, axis=-1, keepdims=True) - ops.matmul(in_rows, squared)[:, 0]
        )
        units = hidden.shape[-1]
        by_weights = ops.matmul(
            ops.reshape(d_e, (1, -1)), ops.reshape(hidden, (-1, units))
        )
        return d_e, d_query, ops.expand_dims(d_e, -1) * squared, by_weights

    def keys_error(self, d_energies, squared):
        """Gives Σ_t δk.

        Args:
            d_energies: Σ_t δe. Shape (B, S).
            squared: Σ_t δe_s u_s². Shape (B, S, units).

        Both may have more digits than v: so does what is returned.
        """
        v = ops.cast(self.energy_weights, squared.dtype)
        return v * (ops.expand_dims(d_energies, -1) - squared)
