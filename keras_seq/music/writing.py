"""Tunes written by a model of characters, and tunes judged by it."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from keras_seq.decoding import Constraint, Sample, Stepper, generate
from keras_seq.extras import require
from keras_seq.music._drawing import draw_tunes
from keras_seq.music._shown import shown_as_music
from keras_seq.music._splitting import title_of
from keras_seq.music.documents import HeaderStyle, from_document
from keras_seq.music.grammar.asking import AskedAlong, asked_functions
from keras_seq.music.grammar.beside import (
    FAR,
    constraint_behind,
    read_in_grammar,
)
from keras_seq.music.request import TuneRequest
from keras_seq.text import END, PADDING, START, UNKNOWN, CharacterVocabulary
from keras_seq.text._completion import answered, complete, stop_ids
from keras_seq.text._windows import nats_behind, state_behind
from keras_seq.text.vocabulary import Strings
from keras_seq.training import batches_by_length, pad
from keras_seq.typing import Array, Nest, Tensor

if TYPE_CHECKING:
    import keras

    from keras_seq.music.grammar import TuneGrammar
    from keras_seq.music.grammar.constraint import Beginnings


@dataclasses.dataclass(frozen=True, slots=True)
class WrittenTune:
    """A tune that a model wrote.

    Args:
        text: The tune in ABC notation, numbered from 1 in its X: line.
        finished: Whether the model ended it, rather than the limit of length.
    """

    text: str
    finished: bool

    def __repr__(self) -> str:
        title = title_of(self.text)[:60]
        ended = "" if self.finished else ", cut off"
        return f"WrittenTune({title!r}, {len(self.text)} characters{ended})"

    def _repr_html_(self) -> str:
        ended = "" if self.finished else " (cut off)"
        return shown_as_music(self.text, f"{title_of(self.text)}{ended}")


class TuneWriter:
    r"""Lets a model of characters write tunes, and tells what it thinks of them.

    The model reads a document's characters behind a start mark and gives the
    logits of what comes next: a character or the end mark.

    Args:
        model: Keras model from ids (B, T) to logits (B, T, V), whose layers a
            `keras_seq.decoding.Stepper` can step.
        vocabulary: Its `keras_seq.text.CharacterVocabulary`.
        style: The training documents' `HeaderStyle`, which tells callers how
            to spell what they give to `write`.
        grammar: A `TuneGrammar` of this vocabulary, so that all that is written is a
            valid tune and comes to its end; or None for what the model pleases.

    Raises:
        ValueError: If the grammar is of another vocabulary.

    Example:

    >>> import keras
    >>> from keras_seq.layers import ExplicitLSTM
    >>> from keras_seq.text import CharacterVocabulary
    >>> vocabulary = CharacterVocabulary("ABCDEFG|:/236TMLK\n")
    >>> ids = keras.Input((None,), dtype="int32")
    >>> x = keras.layers.Embedding(len(vocabulary), 4)(ids)
    >>> x, _, _ = ExplicitLSTM(8, return_sequences=True, return_state=True)(x)
    >>> model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    >>> writer = TuneWriter(model, vocabulary)
    >>> tunes = writer.write(2, given={"K": "D"}, seed=1, max_length=9)
    >>> len(tunes), "\nK:D\n" in tunes[0].text
    (2, True)
    """

    def __init__(
        self,
        model: "keras.Model",
        vocabulary: CharacterVocabulary,
        style: HeaderStyle | None = None,
        grammar: "TuneGrammar | None" = None,
    ) -> None:
        if grammar and grammar.vocabulary.characters != vocabulary.characters:
            raise ValueError("`grammar` must be of the same `vocabulary`.")
        self.model = model
        self.vocabulary = vocabulary
        self.style = style
        self.grammar = grammar
        self._stepper = Stepper(model.layers)
        # What is no character must not be written.
        never = np.zeros(len(vocabulary), "float32")
        never[[PADDING, START, UNKNOWN]] = -np.inf
        self._never = never
        tf = require("tensorflow", "text")
        strings, floats, integers = (
            tf.TensorSpec([None], dtype) for dtype in (tf.string, tf.float32, tf.int32)
        )
        self.continued = tf.function(
            self.continue_documents,
            input_signature=[strings, floats, floats, integers, integers, integers],
            autograph=False,
        )
        self._judged, self._judged_in_grammar = (
            tf.function(
                judge,
                input_signature=[tf.TensorSpec([None, None], tf.int32)],
                autograph=False,
            )
            for judge in (self._nats, self._nats_in_grammar)
        )

    def continue_documents(
        self,
        prompts: Strings,
        temperature: Array,
        top_p: Array,
        seed: Array,
        max_length: Array,
        room: Array | None = None,
        begun: "Beginnings | None" = None,
        constraint: Constraint | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Continues documents, inside the graph.

        A document that breaks the grammar, or can't be ended, is not continued.

        Args:
            prompts: String tensor of shape (B,): how each document begins;
                `""` leaves everything to the model.
            temperature: float32 tensor of shape (B,), above 0.
            top_p: float32 tensor of shape (B,), in (0, 1].
            seed: int32 tensor of shape (B,).
            max_length: int32 tensor of shape (B,): characters to write at
                most.
            room: The same for the whole tune, if these are only the next of its
                characters; what the grammar reckons with.
            begun: What the grammar's `read_texts` gives for the prompts, if they have
                been read already.
            constraint: Another than the grammar behind the prompts.

        Returns:
            The continuations without the prompts, a string tensor of shape
            (B,); and whether each was ended by the model, shape (B,).
        """
        _, last, state = self._before_last(prompts)
        room = max_length if room is None else room
        if constraint is None:
            constraint = constraint_behind(self.grammar, prompts, room, begun)
        written = generate(
            self._step,
            state,
            last,
            max_length=max_length,
            strategy=Sample(temperature=temperature, top_p=top_p),
            end_token=END,
            seed=seed,
            constraint=constraint,
        )
        text = self.vocabulary.decode_tensor(written.ids, written.lengths)
        return text, written.finished

    def complete_documents(
        self,
        prompts: Strings,
        max_length: Array,
        stop: Strings,
        settings: Mapping[str, Array],
        begun: "Beginnings | None" = None,
    ) -> dict[str, Tensor]:
        """Continues documents with more settings, inside the graph.

        Args:
            prompts: String tensor of shape (B,), as in `continue_documents`.
            max_length: int32 tensor of shape (B,): characters to write at most.
            stop: String tensor of shape (B, N): each ends its document, which then
                ends before it; `""` for none.
            settings: Dict of "temperature", "top_k" (0 for all), "top_p", "min_p",
                "repetition_penalty" and "seed", each of shape (B,).
            begun: As in `continue_documents`.

        Returns:
            Dict of "text", the continuations without the prompts; "finish_reason",
            the name of a `FinishReason`; "tokens" and "log_probabilities", of shape
            (B, L), and their "token_count".
        """
        ids, last, state = self._before_last(prompts)
        stops = stop_ids(self.vocabulary.encode_tensor, stop)
        written, reasons = complete(
            self._step,
            state,
            last,
            ids,
            stops,
            max_length,
            settings,
            constraint=constraint_behind(self.grammar, prompts, max_length, begun),
        )
        text = self.vocabulary.decode_tensor(written.ids, written.lengths)
        answer = answered(self.vocabulary, written, written.lengths, reasons)
        return {"text": text} | answer

    @functools.cached_property
    def asked_functions(self) -> tuple[Any, Any, Any]:
        """What continues documents of which something is asked, reads and judges them.

        They are made when something is asked for the first time.
        """
        return asked_functions(self)

    def _before_last(self, prompts: Strings) -> tuple[Tensor, Tensor, Nest]:
        """The prompts' ids, the last of each, and the state before those."""
        tf = require("tensorflow", "text")
        ids, lengths = self.vocabulary.encode_tensor(prompts)
        ids = tf.pad(ids, [[0, 0], [1, 0]], constant_values=START)

        def read(ids: Tensor, mask: Tensor, state: Nest) -> Nest:
            return self._stepper.read(ids, mask, state)[1]

        # The last token of each prompt is left for the first step.
        state = self._stepper.initial_state(tf.shape(ids)[0])
        state = state_behind(read, ids, lengths, state)
        return ids, tf.gather(ids, lengths, batch_dims=1), state

    def _step(self, tokens: Tensor, state: Nest) -> tuple[Tensor, Nest]:
        logits, state = self._stepper.step(tokens, state)
        return logits + self._never, state

    def judge_documents(self, documents: Strings) -> tuple[Tensor, Tensor]:
        """Tells how likely documents are, inside the graph.

        Args:
            documents: String tensor of shape (B,).

        Returns:
            -ln p of each document with its end mark, in nats, and the number
            of characters, the end mark counted; both of shape (B,).
        """
        tf = require("tensorflow", "text")
        ids, lengths = self.vocabulary.encode_tensor(documents)
        ids = tf.pad(ids, [[0, 0], [1, 1]])
        position = tf.range(tf.shape(ids)[1])
        ids = tf.where(position == 0, START, ids)
        ids = tf.where(position == lengths[:, None] + 1, END, ids)
        counts = tf.sequence_mask(lengths + 1, tf.shape(ids)[1] - 1, tf.float32)
        return tf.reduce_sum(self._nats(ids) * counts, axis=1), lengths + 1

    def _nats(self, ids: Tensor) -> Tensor:
        """-ln p of every token but the first: (B, T + 1) to (B, T)."""
        state = self._stepper.initial_state(ops.shape(ids)[0])
        return nats_behind(self._read, ids, state)

    def _nats_in_grammar(self, ids: Tensor) -> Tensor:
        """The same, of what the grammar allows; inf where it doesn't allow a token."""
        assert self.grammar is not None
        return self.nats_within(ids, self.grammar, ids[:, 0])

    def nats_within(
        self, ids: Tensor, rules: "TuneGrammar | AskedAlong", like: Tensor
    ) -> Tensor:
        """-ln p of every token but the first among what rules allow: (B, T - 1)."""
        state = self._stepper.initial_state(ops.shape(ids)[0])
        read, state = read_in_grammar(self._read, rules, like, state)
        nats = nats_behind(read, ids, state)
        return ops.where(nats < FAR / 2, nats, float("inf"))

    def _read(self, ids: Tensor, state: Nest) -> tuple[Tensor, Nest]:
        return self._stepper.read(ids, initial_state=state)

    def nats(
        self,
        documents: Iterable[str],
        batch_size: int = 32,
        *,
        in_grammar: bool = False,
        asked: TuneRequest | None = None,
    ) -> list[np.ndarray]:
        """-ln p of each character of `documents` and of their end marks.

        Args:
            documents: Strings.
            batch_size: Documents read at once.
            in_grammar: Whether p is that with which tunes are written where the
                grammar is on: that among what it allows, 0 for what it doesn't. (The
                room for a tune counts as boundless.)
            asked: What they had to obey, too.

        Returns:
            List of float32 arrays, one a document, each one longer than it.

        Raises:
            ValueError: If there is no grammar to be in.
        """
        if in_grammar and self.grammar is None:
            raise ValueError("`in_grammar` needs a writer with a `grammar`.")
        if asked is not None and not in_grammar:
            raise ValueError("`asked` goes with `in_grammar=True`.")
        judged = self._judged_in_grammar if in_grammar else self._judged
        if asked is not None:
            judged = functools.partial(self.asked_functions[2], request=asked)
        encoded = [
            [START, *self.vocabulary.encode(document), END] for document in documents
        ]
        results = [np.empty(0, "float32")] * len(encoded)
        for batch in batches_by_length([len(ids) for ids in encoded], batch_size):
            values = judged(pad([encoded[i] for i in batch])).numpy()
            for i, row in zip(batch, values, strict=True):
                results[i] = row[: len(encoded[i]) - 1]
        return results

    def write(
        self,
        count: int,
        *,
        given: Mapping[str, str] | None = None,
        asked: TuneRequest | None = None,
        opening: str | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
        max_length: int = 1500,
    ) -> list[WrittenTune]:
        """Writes tunes.

        Header lines that are given stand as they are; those before them that
        are not given are written first, and the model goes on from there.

        Args:
            count: Number of tunes.
            given: Dict from header field (T, R, M, L, K) to its value, spelled
                as the training documents spell it (`HeaderStyle.spell`).
            asked: What is asked beside: form, range, last note. Every tune obeys it;
                the writer must have a grammar.
            opening: How the music begins, kept to the letter; M, L and K must be given,
                and the writer must have a grammar.
            temperature: Of the sampling, above 0.
            top_p: Of the sampling, in (0, 1].
            seed: Seed: the same gives the same tunes.
            max_length: Characters to write at most.

        Returns:
            List of `WrittenTune`.

        Raises:
            ValueError: If an argument is out of its range or breaks the grammar, or
                two of them collide, so that no tune obeys both.
        """
        drafts = draw_tunes(
            self,
            count,
            given=given,
            asked=asked,
            opening=opening,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            max_length=max_length,
        )
        return [
            WrittenTune(from_document(text, number), finished)
            for number, (text, finished) in enumerate(drafts, start=1)
        ]
