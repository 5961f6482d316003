"""What a language model reads, and what it foresees."""

import dataclasses

from keras_seq.text.line_marks import mark_lines
from keras_seq.text.vocabulary import END, START, Vocabulary

_BLANK = " \t\n\r\f"  # what a document doesn't begin or end with: `\s` in the graph


@dataclasses.dataclass(frozen=True, slots=True)
class NextWords:
    """What may come next.

    Args:
        words: The likeliest words, the likeliest first.
        probabilities: Probability of each.
        unknown: Probability that a word comes which isn't in the vocabulary; 0 with
            a vocabulary of subwords.
        end: Probability that the text ends.
    """

    words: list[str]
    probabilities: list[float]
    unknown: float
    end: float


def encode_document(vocabulary: Vocabulary, text: str) -> list[int]:
    r"""The ids of a document as a model of words reads it.

    White space at the ends is left out, ends of lines become words (`mark_lines`),
    and the document stands between the start mark and the end mark.

    Args:
        vocabulary: A `WordVocabulary` or `SubwordVocabulary`.
        text: String.

    Returns:
        List of integers.

    Example:

    >>> from keras_seq.text import WordVocabulary
    >>> vocabulary = WordVocabulary(["to", "be", "↵"])
    >>> encode_document(vocabulary, "to\nbe\n")
    [1, 4, 6, 5, 2]
    """
    return [START, *vocabulary.encode(mark_lines(text.strip(_BLANK))), END]
