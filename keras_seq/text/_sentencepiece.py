"""Training of subwords by the sentencepiece package."""

import io
import unicodedata
from collections import Counter
from collections.abc import Sequence

from keras_seq.extras import require

SPACE = "\u2581"  # how SentencePiece writes a space, which begins a word
_RESERVED = (" ", SPACE, "\u2585")  # the last one the trainer needs for itself
_LONGEST = 2**30  # bytes, the most there may be; longer sentences are left out
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def train(texts: Sequence[str], size: int, model: str, coverage: float) -> bytes | None:
    """Trains a SentencePiece model.

    Args:
        texts: List of strings.
        size: Ids at most, four marks and 256 bytes among them.
        model: "bpe" or "unigram".
        coverage: Share of the characters of the texts that shall be pieces.

    Returns:
        The model as SentencePiece writes it, or None where the texts hold no
        character that is to be a piece.
    """
    kept = _characters(texts, size - 4 - len(BYTES) - 1, coverage)
    sentences = [sentence for text in texts if (sentence := _only(text, kept))]
    if not sentences:
        return None
    written = io.BytesIO()
    require("sentencepiece", "text").SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=written,
        model_type=model,
        vocab_size=size,
        hard_vocab_limit=False,  # few texts do not fill it
        character_coverage=1.0,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        max_sentence_length=_LONGEST,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()


def read(model: bytes) -> tuple[list[str], list[float]]:
    """The pieces of a model behind the marks and bytes, and their scores."""
    processor = require("sentencepiece", "text").SentencePieceProcessor(
        model_proto=model
    )
    ids = range(4 + len(BYTES), processor.get_piece_size())
    return (
        [processor.id_to_piece(i) for i in ids],
        [processor.get_score(i) for i in ids],
    )


def _characters(texts: Sequence[str], limit: int, coverage: float) -> set[str]:
    """The most frequent characters, as many as cover that share of the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    for character in [c for c in counts if c in _RESERVED or _is_control(c)]:
        del counts[character]
    left_out = (1 - coverage) * counts.total()
    kept = [
        character
        for character, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    while kept and counts[kept[-1]] <= left_out:
        left_out -= counts[kept.pop()]
    return set(kept[:limit])


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _only(text: str, kept: set[str]) -> str:
    """The words of a text, where what isn't kept ends a word."""
    words = "".join(c if c in kept else " " for c in text).split(" ")
    return " ".join(filter(None, words))
