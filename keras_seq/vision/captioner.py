"""Images in, captions out: a trained encoder-decoder with its vocabulary."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from keras_seq.decoding import Beam, ForbiddenTokens, generate
from keras_seq.extras import require
from keras_seq.text.start_and_end import (
    END_MARK,
    after_start,
    target_nats,
    with_end,
)
from keras_seq.text.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary
from keras_seq.typing import Array, Integers, Numbers, Tensor
from keras_seq.vision.grids import GridExtractor

if typing.TYPE_CHECKING:
    from keras_seq.layers import EncoderDecoder


@dataclasses.dataclass(frozen=True)
class Caption:
    """One caption of an image.

    Attributes:
        text: The caption.
        probability: p of it, its end included: the product over its words.
        score: ln p divided by the length penalty, what the search ranked it by.
        finished: Whether the model ended it, rather than the length.
        words: What stands for its tokens, the end mark last if the model came to it.
        attention: Weights of the grid's cells while each was chosen, shape
            (words, h, w).
    """

    text: str
    probability: float
    score: float
    finished: bool
    words: list[str]
    attention: np.ndarray


class Captioner:
    """Captions images with an `EncoderDecoder` over grids of features.

    It never writes the mark of what isn't in the vocabulary.

    Args:
        model: The model; its source are grids (B, h, w, C), as the extractor makes
            them.
        vocabulary: Vocabulary of the captions.
        extractor: `GridExtractor`: from image files to grids.
        grid: Rows and columns of the cells that are attended to. By default those of
            the extractor; a model with an encoder of its own may have fewer.
        longest: Tokens that a caption may have, its end included.

    Raises:
        ValueError: If `longest` is less than 1.

    Example:

    >>> import keras
    >>> import tensorflow as tf
    >>> from keras_seq.layers import BahdanauDecoder, EncoderDecoder
    >>> from keras_seq.text import WordVocabulary
    >>> from keras_seq.vision import GridExtractor
    >>> words = WordVocabulary(["a", "dog"])
    >>> encoder = keras.Sequential(
    ...     [keras.layers.Rescaling(1 / 255), keras.layers.Reshape((4, 3))]
    ... )
    >>> model = EncoderDecoder(encoder, BahdanauDecoder(8, 6), len(words), dim=4)
    >>> captioner = Captioner(model, words, GridExtractor(size=(2, 2)), longest=5)
    >>> png = tf.io.encode_png(tf.zeros([9, 9, 3], tf.uint8)).numpy()
    >>> [best] = captioner.caption([png], width=3)
    >>> best[0].attention.shape[1:]
    (2, 2)
    """

    def __init__(
        self,
        model: "EncoderDecoder",
        vocabulary: Vocabulary,
        extractor: GridExtractor,
        *,
        grid: tuple[int, int] | None = None,
        longest: int = 40,
    ) -> None:
        if longest < 1:
            raise ValueError(f"`longest` must be at least 1; received {longest!r}.")
        if not model.built:
            model.build({"source": (None, *extractor.shape), "target": (None, None)})
        self.model = model
        self.vocabulary = vocabulary
        self.extractor = extractor
        self.grid: tuple[int, ...] = tuple(grid or extractor.shape[:2])
        self.longest = longest
        tf = require("tensorflow", "text")
        grids = tf.TensorSpec([None, *extractor.shape], extractor.dtype)
        strings = tf.TensorSpec([None], tf.string)
        number = tf.TensorSpec([], tf.float32)
        traced = functools.partial(tf.function, autograph=False)
        self._search = functools.cache(
            lambda width: traced(
                functools.partial(self.search, width=width, max_width=width),
                input_signature=[grids, number],
            )
        )
        self._extract = traced(extractor, input_signature=[strings])
        self._judge = traced(self.judge, input_signature=[grids, strings])

    def caption(
        self,
        images: Iterable[bytes],
        *,
        batch_size: int = 16,
        width: int = 5,
        n_best: int = 1,
        length_penalty: float = 1.0,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[list[Caption]]:
        """Captions images.

        Args:
            images: Contents of image files, bytes.
            batch_size: Images in a batch.
            width: Hypotheses that the beam search keeps; 1 is greedy.
            n_best: Captions of each image, at most `width`.
            length_penalty: α of `Beam`.
            progress: Called as `progress(done, total)`, or None.

        Returns:
            For each image a list of `Caption`s, best first.

        Raises:
            ValueError: If an argument is out of its range.
            tf.errors.InvalidArgumentError: If one isn't an image.
        """
        images = list(images)
        batches = (
            self._extract(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        )
        return self.caption_grids(
            batches,
            width=width,
            n_best=n_best,
            length_penalty=length_penalty,
            total=len(images),
            progress=progress,
        )

    def caption_grids(
        self,
        batches: Iterable[Array],
        *,
        width: int = 5,
        n_best: int = 1,
        length_penalty: float = 1.0,
        total: int | None = None,
        progress: Callable[[int, typing.Any], object] | None = None,
    ) -> list[list[Caption]]:
        """Captions images whose grids are known.

        Args:
            batches: Iterable of arrays (B, h, w, C), as the extractor makes them.
            width: Hypotheses that the beam search keeps; 1 is greedy.
            n_best: Captions of each image, at most `width`.
            length_penalty: α of `Beam`.
            total: Number of images, for `progress`, which gets it as it is given.
            progress: Called as `progress(done, total)`, or None.

        Returns:
            For each image a list of `n_best` `Caption`s, best first.

        Raises:
            ValueError: If an argument is out of its range.
        """
        Beam(width, length_penalty=length_penalty)
        if not 1 <= n_best <= width:
            raise ValueError(
                f"`n_best` must be in [1, `width`] = [1, {width}]; received {n_best!r}."
            )
        results: list[list[Caption]] = []
        for grids in batches:
            found = self._search(width)(grids, float(length_penalty))
            found = {name: value.numpy() for name, value in found.items()}
            for row in range(len(found["texts"])):
                one = {name: value[row] for name, value in found.items()}
                results.append([self._caption(one, n) for n in range(n_best)])
            if progress is not None:
                progress(len(results), total)
        return results

    def _caption(self, found: Mapping[str, np.ndarray], n: int) -> Caption:
        length = int(found["lengths"][n])
        finished = bool(found["finished"][n])
        words = self.vocabulary.pieces(found["ids"][n][:length].tolist())
        if finished:
            words = [*words, END_MARK]
        return Caption(
            text=found["texts"][n].decode(),
            probability=float(found["probabilities"][n]),
            score=float(found["scores"][n]),
            finished=finished,
            words=words,
            attention=found["attention"][n][: len(words)],
        )

    def score(
        self, batches: Iterable[Tensor], captions: Iterable[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """How likely the model thinks captions to be.

        Args:
            batches: Iterable of arrays (B, h, w, C).
            captions: A string for each image.

        Returns:
            -ln p of each caption and its end mark, and the number of its tokens, the
            end mark included: two arrays.
        """
        captions = list(captions)
        nats: list[float] = []
        tokens: list[int] = []
        done = 0
        for grids in batches:
            chosen = captions[done : done + len(grids)]
            done += len(grids)
            found = self._judge(grids, chosen)
            nats.extend(found[0].numpy())
            tokens.extend(found[1].numpy())
        return np.array(nats), np.array(tokens)

    def search(
        self,
        grids: Tensor,
        length_penalty: Numbers,
        *,
        width: Integers,
        max_width: int,
    ) -> dict[str, Tensor]:
        """Captions inside the graph.

        Args:
            grids: Tensor (B, h, w, C).
            length_penalty: float32 tensor, scalar or of shape (B,).
            width: Integer, or int32 tensor of shape (B,).
            max_width: W, the largest width there may be, an integer.

        Returns:
            Dict of tensors: "texts", "probabilities", "scores", "finished" and
            "lengths" (B, W), "ids" (B, W, L), "attention" (B, W, L, h, w).
        """
        import tensorflow as tf

        state, constants = self.model.begin(grids, self.longest)
        found = generate(
            self.model.step,
            state,
            tf.fill(tf.shape(grids)[:1], START),
            constants=constants,
            max_length=self.longest,
            strategy=Beam(width, length_penalty=length_penalty, max_width=max_width),
            end_token=END,
            constraint=ForbiddenTokens([PADDING, START, UNKNOWN]),
        )
        shape = tf.shape(found.ids)
        flat = tf.reshape(found.ids, [-1, shape[2]])
        written = self.vocabulary.decode_tensor(flat, tf.reshape(found.lengths, [-1]))
        probabilities = tf.exp(tf.reduce_sum(found.log_probs, axis=-1))
        there = tf.math.is_finite(found.scores)
        return {
            "texts": tf.reshape(written, shape[:2]),
            "probabilities": tf.where(there, probabilities, 0.0),
            "scores": found.scores,
            "finished": found.finished,
            "lengths": found.lengths,
            "ids": found.ids,
            "attention": self._as_grids(found.kept),
        }

    def judge(self, grids: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
        """Gives -ln p and the number of tokens, inside the graph.

        Args:
            grids: Tensor (B, h, w, C).
            captions: String tensor of shape (B,).

        Returns:
            float32 and int32 tensors of shape (B,).
        """
        return target_nats(self.model, grids, self.vocabulary, captions)

    def align(self, grids: Tensor, captions: Tensor) -> Tensor:
        """The attention of given captions, inside the graph.

        Args:
            grids: Tensor (B, h, w, C).
            captions: String tensor of shape (B,).

        Returns:
            float32 tensor (B, T, h, w), the end mark included.
        """
        target, _ = with_end(self.vocabulary, captions)
        _, weights = self.model(
            {"source": grids, "target": after_start(target)},
            return_attention_scores=True,
        )
        return self._as_grids(weights)

    def _as_grids(self, weights: Tensor) -> Tensor:
        import tensorflow as tf

        shape = tf.concat([tf.shape(weights)[:-1], self.grid], axis=0)
        return tf.reshape(weights, shape)
