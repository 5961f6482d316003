"""Text to ids and back, inside the graph."""

from keras_seq.text.characters import CharacterVocabulary
from keras_seq.text.cider import Cider
from keras_seq.text.corpora import (
    DocumentSplit,
    LabelledCorpus,
    LabelledText,
    PairCorpus,
    TextCorpus,
    check_encoding,
    cut_text,
    decoded,
    decoded_lines,
    duplicate_hash,
    duplicate_key,
    hub_rows,
    json_objects,
    near_duplicates,
    one_spelling,
    parquet_objects,
    parse_columns,
    read_documents,
    read_labelled,
    read_lines,
    read_pairs,
    read_two,
    shared_pairs,
    split_documents,
    split_pairs,
)
from keras_seq.text.line_marks import (
    mark_lines,
    mark_lines_tensor,
    restore_lines,
    restore_lines_tensor,
)
from keras_seq.text.next_words import NextWords, encode_document
from keras_seq.text.ngrams import NgramHasher, Ngrams
from keras_seq.text.normalising import normalise, normalise_tensor
from keras_seq.text.predictor import TextPredictor
from keras_seq.text.served_prediction import (
    prediction_card,
    prediction_requests,
    prediction_signatures,
)
from keras_seq.text.served_translation import (
    translation_card,
    translation_requests,
    translation_signatures,
)
from keras_seq.text.subwords import SubwordVocabulary
from keras_seq.text.translation import Translation
from keras_seq.text.translator import Translator
from keras_seq.text.vectors import read_vectors
from keras_seq.text.vocabulary import (
    END,
    PADDING,
    START,
    UNKNOWN,
    Vocabulary,
    encodable,
)
from keras_seq.text.words import (
    WordVocabulary,
    count_words,
    is_mostly_unspaced,
    split_words,
    split_words_tensor,
)

__all__ = [
    "END",
    "PADDING",
    "START",
    "UNKNOWN",
    "CharacterVocabulary",
    "Cider",
    "DocumentSplit",
    "LabelledCorpus",
    "LabelledText",
    "NextWords",
    "NgramHasher",
    "Ngrams",
    "PairCorpus",
    "SubwordVocabulary",
    "TextCorpus",
    "TextPredictor",
    "Translation",
    "Translator",
    "Vocabulary",
    "WordVocabulary",
    "check_encoding",
    "count_words",
    "cut_text",
    "decoded",
    "decoded_lines",
    "duplicate_hash",
    "duplicate_key",
    "encodable",
    "encode_document",
    "hub_rows",
    "is_mostly_unspaced",
    "json_objects",
    "mark_lines",
    "mark_lines_tensor",
    "near_duplicates",
    "normalise",
    "normalise_tensor",
    "one_spelling",
    "parquet_objects",
    "parse_columns",
    "prediction_card",
    "prediction_requests",
    "prediction_signatures",
    "read_documents",
    "read_labelled",
    "read_lines",
    "read_pairs",
    "read_two",
    "read_vectors",
    "restore_lines",
    "restore_lines_tensor",
    "shared_pairs",
    "split_documents",
    "split_pairs",
    "split_words",
    "split_words_tensor",
    "translation_card",
    "translation_requests",
    "translation_signatures",
]
