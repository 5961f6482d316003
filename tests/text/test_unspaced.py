"""Scripts that are written without spaces: each letter, with its marks, is a word."""

import pytest

from keras_seq.text import (
    WordVocabulary,
    count_words,
    cut_text,
    is_mostly_unspaced,
    split_words,
)
from tests.text import samples

# By hand: words between bars; what joining gives, if it isn't the text again.
SPLIT = {
    "他2019年买了iPhone。": (
        "他 | 2019 | 年 | 买 | 了 | iPhone | 。",
        "他 2019 年买了 iPhone。",
    ),
    "コーヒーを々〇": ("コ | ー | ヒ | ー | を | 々 | 〇", None),
    "กินน้ำ": ("กิ | น | น้ | ำ", None),
    "ខ្មែរ": ("ខ្ | មែ | រ", None),
    "မြန်မာ": ("မြ | န် | မာ", None),
    "ລາວ ok": ("ລ | າ | ວ | ok", None),
    "𠀀好": ("𠀀 | 好", None),
    "한국어 말": ("한국어 | 말", None),
    "๑๒ บาท": ("๑๒ | บ | า | ท", None),
}


@pytest.mark.parametrize("text", SPLIT, ids=ascii)
def test_splitting_and_joining(text):
    words, joined = SPLIT[text]
    assert split_words(text) == words.split(" | ")
    vocabulary = WordVocabulary.fit([text])
    ids = vocabulary.encode(text)
    graph = vocabulary.encode_tensor([text])
    assert samples.rows(*graph) == [ids]
    assert vocabulary.decode(ids) == (joined or text)
    found = vocabulary.decode_tensor([ids], [len(ids)]).numpy()[0].decode()
    assert found == (joined or text)


@pytest.mark.parametrize(
    ("text", "count", "unspaced"),
    [
        ("", 0, False),
        ("one two, three", 3, False),
        ("été à la mer", 4, False),
        ("Это не слова", 3, False),
        ("他明天喜欢时间。", 7, True),
        ("他 3 岁了, OK?", 5, True),
        ("กิน ข้าว", 5, True),
        ("the sign 字 is one", 5, False),
        ("한국어 문장 입니다", 3, False),
    ],
)
def test_counting(text, count, unspaced):
    assert count_words(text) == count
    assert is_mostly_unspaced(text) == unspaced
    assert count_words(f"{text} " * 1000) == 1000 * count


def test_a_long_text_is_counted_in_slices():
    assert count_words("ab cde " * 400_000) == 800_000
    assert count_words("a" * 3_000_000) == 1
    assert count_words("猫 " * 700_000) == 700_000


@pytest.mark.parametrize("text", ["他明天喜欢时间。" * 500, "猫" * 4000])
def test_endless_lines_are_cut(text):
    pieces = cut_text(text, words=100)
    assert "".join(pieces) == text
    assert all(100 <= count_words(piece) <= 250 for piece in pieces)
    assert len(text) // 250 <= len(pieces) <= 40
