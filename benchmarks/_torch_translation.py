"""The tutorials' translation model in PyTorch: what the benchmark compares with.

A bidirectional recurrent encoder; a decoder that, token by token in Python,
attends additively, concatenates embedding and context, takes a step of a cell and
projects the state, the context and the embedding to the vocabulary.
"""

import torch


class AdditiveAttention(torch.nn.Module):
    """Gives the context and the weights of one query a row."""

    def __init__(self, query_size, memory_size, units):
        super().__init__()
        self.query = torch.nn.Linear(query_size, units, bias=False)
        self.key = torch.nn.Linear(memory_size, units)
        self.energy = torch.nn.Linear(units, 1, bias=False)

    def forward(self, query, memory, keys, padding):
        hidden = torch.tanh(self.query(query)[:, None] + keys)
        energies = self.energy(hidden)[..., 0].masked_fill(padding, -1e9)
        weights = torch.softmax(energies, dim=-1)
        return torch.bmm(weights[:, None], memory)[:, 0], weights


class Translation(torch.nn.Module):
    """Logits of the next tokens, (B, T, V), from source (B, S) and target (B, T).

    Args:
        kind: "LSTM" or "GRU".
        vocabulary: V.
        dim: Size of the embeddings and of the layer before the logits.
        units: Units of the decoder; the encoder has half of them a direction.
        attention_units: Size of the space in which queries meet keys.
    """

    def __init__(self, kind, vocabulary, dim, units, attention_units):
        super().__init__()
        self.kind = kind
        self.embedding = torch.nn.Embedding(vocabulary, dim, padding_idx=0)
        self.encoder = getattr(torch.nn, kind)(
            dim, units // 2, batch_first=True, bidirectional=True
        )
        self.bridge = torch.nn.Linear(units // 2, units)
        self.attention = AdditiveAttention(units, units, attention_units)
        self.cell = getattr(torch.nn, f"{kind}Cell")(dim + units, units)
        self.readout = torch.nn.Linear(2 * units + dim, dim)
        self.bias = torch.nn.Parameter(torch.zeros(vocabulary))

    def start(self, source):
        """Memory, keys, padding and the first state."""
        memory, last = self.encoder(self.embedding(source))
        backward = (last[0] if self.kind == "LSTM" else last)[1]
        h = torch.tanh(self.bridge(backward))
        state = (h, torch.zeros_like(h)) if self.kind == "LSTM" else h
        return memory, self.attention.key(memory), source == 0, state

    def step(self, token, state, memory, keys, padding):
        """The layer before the logits, and the state behind one token."""
        embedded = self.embedding(token)
        h = state[0] if self.kind == "LSTM" else state
        context, _ = self.attention(h, memory, keys, padding)
        state = self.cell(torch.cat([embedded, context], dim=-1), state)
        h = state[0] if self.kind == "LSTM" else state
        hidden = torch.tanh(self.readout(torch.cat([h, context, embedded], dim=-1)))
        return hidden, state

    def logits(self, hidden):
        return hidden @ self.embedding.weight.T + self.bias

    def forward(self, source, target):
        memory, keys, padding, state = self.start(source)
        outputs = []
        for t in range(target.shape[1]):
            hidden, state = self.step(target[:, t], state, memory, keys, padding)
            outputs.append(hidden)
        return self.logits(torch.stack(outputs, dim=1))
