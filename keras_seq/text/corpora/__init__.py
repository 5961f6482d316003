"""Corpora as people have them: read, checked, and split so that nothing leaks."""

from keras_seq.files import check_encoding, parse_columns
from keras_seq.text.corpora.cutting import cut_text
from keras_seq.text.corpora.document_splitting import DocumentSplit, split_documents
from keras_seq.text.corpora.documents import TextCorpus, read_documents
from keras_seq.text.corpora.duplicates import (
    duplicate_hash,
    duplicate_key,
    near_duplicates,
)
from keras_seq.text.corpora.encodings import decoded, decoded_lines
from keras_seq.text.corpora.hub import hub_rows
from keras_seq.text.corpora.label_spelling import one_spelling
from keras_seq.text.corpora.labelled import LabelledCorpus, LabelledText, read_labelled
from keras_seq.text.corpora.objects import json_objects
from keras_seq.text.corpora.parallel import PairCorpus, read_pairs, read_two
from keras_seq.text.corpora.parquet import parquet_objects
from keras_seq.text.corpora.sources import read_lines
from keras_seq.text.corpora.splitting import shared_pairs, split_pairs

__all__ = [
    "DocumentSplit",
    "LabelledCorpus",
    "LabelledText",
    "PairCorpus",
    "TextCorpus",
    "check_encoding",
    "cut_text",
    "decoded",
    "decoded_lines",
    "duplicate_hash",
    "duplicate_key",
    "hub_rows",
    "json_objects",
    "near_duplicates",
    "one_spelling",
    "parquet_objects",
    "parse_columns",
    "read_documents",
    "read_labelled",
    "read_lines",
    "read_pairs",
    "read_two",
    "shared_pairs",
    "split_documents",
    "split_pairs",
]
