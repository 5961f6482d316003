"""PyTorch's transformers, with the same weights, give the same numbers and slopes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.transformers import (
    MASKS,
    MEMORY_MASKS,
    SIZES,
    B,
    D,
    H,
    L,
    S,
    T,
    X,
    decoder,
    encoder,
    oracle,
    random,
)

torch = pytest.importorskip("torch")
MEMORY = random(21, B, S, D)  # PyTorch's has as many features as the inputs
FACTOR = random(22, B, T, D)


def peer(layer, crosses):
    """PyTorch's stack, and a dict of our weights by the names of its own."""
    kind = "Decoder" if crosses else "Encoder"
    one = getattr(torch.nn, f"Transformer{kind}Layer")(
        D,
        H,
        SIZES["intermediate_dim"],
        dropout=0.0,
        batch_first=True,
        norm_first=layer.norm_first,
    )
    norm = torch.nn.LayerNorm(D) if layer.norm_first else None
    options = {} if crosses else {"enable_nested_tensor": False}
    stack = getattr(torch.nn, f"Transformer{kind}")(one, L, norm=norm, **options)
    named = by_their_names(layer.get_weights(), crosses, layer.norm_first)
    state = {name: torch.tensor(weight) for name, weight in named.items()}
    stack.load_state_dict(state)
    return stack.double()


def by_their_names(weights, crosses, norm_first):
    """Our weights, or their gradients, under PyTorch's names and in its layout."""
    weights, named = list(weights), {}
    memory = weights[-2:] if crosses else ()

    def take(*names):
        for name in names:
            weight = weights.pop(0)
            named[name] = weight.T if weight.ndim == 2 else weight

    for i in range(L):
        start = f"layers.{i}"
        own = f"{start}.self_attn"
        take(f"{start}.norm1.weight", f"{start}.norm1.bias")
        take(f"{own}.in_proj_weight", f"{own}.in_proj_bias")
        take(f"{own}.out_proj.weight", f"{own}.out_proj.bias")
        if crosses:
            part = slice(2 * i * D, 2 * (i + 1) * D)
            kernel, bias = (w[..., part] for w in memory)
            cross = f"{start}.multihead_attn"
            take(f"{start}.norm2.weight", f"{start}.norm2.bias", "query", "query_bias")
            take(f"{cross}.out_proj.weight", f"{cross}.out_proj.bias")
            query, query_bias = named.pop("query"), named.pop("query_bias")
            named[f"{cross}.in_proj_weight"] = np.concatenate([query, kernel.T])
            named[f"{cross}.in_proj_bias"] = np.concatenate([query_bias, bias])
        last = "norm3" if crosses else "norm2"
        take(f"{start}.{last}.weight", f"{start}.{last}.bias")
        take(f"{start}.linear1.weight", f"{start}.linear1.bias")
        take(f"{start}.linear2.weight", f"{start}.linear2.bias")
    if norm_first:
        take("norm.weight", "norm.bias")
    assert len(weights) == len(memory)
    return named


def theirs(stack, given, **masks):
    """Outputs, and gradients of the inputs and of the weights by name."""
    tensors = [torch.tensor(g, dtype=torch.double, requires_grad=True) for g in given]
    outputs = stack(*tensors, **masks)
    (outputs * torch.tensor(FACTOR)).sum().backward()
    slopes = {name: weight.grad.numpy() for name, weight in stack.named_parameters()}
    return outputs.detach().numpy(), [t.grad.numpy() for t in tensors], slopes


def ours(layer, given, crosses, **masks):
    variables = [tf.Variable(g) for g in given]
    with tf.GradientTape() as tape:
        outputs = layer(*variables, **masks)
        loss = tf.reduce_sum(FACTOR * outputs)
    slopes = [
        np.array(slope)
        for slope in tape.gradient(loss, variables + layer.trainable_variables)
    ]
    count = len(variables)
    named = by_their_names(slopes[count:], crosses, layer.norm_first)
    return outputs.numpy(), slopes[:count], named


def assert_same(got, expected):
    values = zip([got[0], *got[1]], [expected[0], *expected[1]], strict=True)
    for one, other in values:
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-5)
    assert sorted(got[2]) == sorted(expected[2])
    for name, slope in expected[2].items():
        np.testing.assert_allclose(
            got[2][name], slope, rtol=1e-3, atol=1e-4, err_msg=name
        )


def hidden(mask):
    return None if mask is None else torch.tensor(~mask)


# PyTorch gives NaN where a row sees nothing, which no mask here does.
@pytest.mark.parametrize("name", ["none", "right", "holes"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder(norm_first, name):
    layer, mask = encoder(norm_first=norm_first), MASKS[name]
    x = X if mask is None else np.where(mask[..., None], X, 0.0).astype("float32")
    expected = theirs(peer(layer, False), [x], src_key_padding_mask=hidden(mask))
    got = ours(layer, [x], False, mask=mask)
    if mask is not None:
        # What stands behind our mask gets no slope; PyTorch leaves it its own.
        assert (got[1][0][~mask] == 0.0).all()
        expected[1][0][~mask] = 0.0
    assert_same(got, expected)
    assert_oracle(layer, got[0], x, mask=mask)


@pytest.mark.parametrize("name", ["none", "right", "holes"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_decoder(norm_first, name):
    layer = decoder(norm_first=norm_first, memory_features=D)
    memory_mask = MEMORY_MASKS[name]
    stack = peer(layer, True)
    causal = torch.triu(torch.ones((T, T), dtype=torch.bool), 1)
    expected = theirs(
        stack,
        [X, MEMORY],
        tgt_mask=causal,
        memory_key_padding_mask=hidden(memory_mask),
    )
    got = ours(layer, [X, MEMORY], True, memory_mask=memory_mask)
    assert_same(got, expected)
    assert_oracle(layer, got[0], X, memory=MEMORY, memory_mask=memory_mask)


def assert_oracle(layer, got, x, **given):
    expected, *_ = oracle(layer, x, **given)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=2e-5)
