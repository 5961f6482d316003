import itertools
import math

import numpy as np
import pytest

from keras_seq.text import Cider


def cider_d(candidates, references, images=None):
    """CIDEr-D from the paper's equations, with sums over all n-grams there are.

    Rarity is that in the captions of `images`, by default the references.
    """

    def count(ngram, words):
        n = len(ngram)
        return sum(tuple(words[i : i + n]) == ngram for i in range(len(words) - n + 1))

    split, known = (
        [[text.split() for text in texts] for texts in some]
        for some in (references, images or references)
    )
    total = []
    for candidate, texts in zip(candidates, split, strict=True):
        c = candidate.split()
        sums = 0.0
        for n in range(1, 5):
            everything = {
                tuple(words[i : i + n])
                for words in [c, *itertools.chain(*split, *known)]
                for i in range(len(words) - n + 1)
            }
            ngrams = sorted(everything)
            idf = []
            for ngram in ngrams:
                having = sum(any(count(ngram, r) for r in some) for some in known)
                idf.append(math.log(len(known) / max(1, having)))
            idf = np.array(idf, "float64")
            g_c = np.array([count(ngram, c) for ngram in ngrams], "float64") * idf
            for r in texts:
                g_r = np.array([count(ngram, r) for ngram in ngrams], "float64") * idf
                norms = np.linalg.norm(g_c) * np.linalg.norm(g_r)
                if norms:
                    cosine = (np.minimum(g_c, g_r) * g_r).sum() / norms
                    gauss = math.exp(-((len(c) - len(r)) ** 2) / (2 * 6.0**2))
                    sums += cosine * gauss / len(texts)
        total.append(10 * sums / 4)
    return np.array(total)


def random_texts(generator, count):
    words = ["a", "the", "dog", "cat", "runs", "sits", "on", "in", "red"]
    return [
        " ".join(generator.choice(words, generator.integers(1, 12)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_equations(seed):
    generator = np.random.default_rng(seed)
    references = [random_texts(generator, k) for k in generator.integers(1, 5, 6)]
    candidates = random_texts(generator, 6)
    # Some that agree well, one that repeats what is rare, one without words.
    candidates[0] = references[0][0]
    candidates[1] = " ".join([references[1][0]] * 3)
    candidates[2] = ""
    found = Cider(references).scores(candidates)
    np.testing.assert_allclose(found, cider_d(candidates, references), rtol=1e-12)
    assert found[0] > found[2] == 0


def test_like_all_references_is_ten():
    references = [["a b c d e"] * 2, ["f g h i"], ["k l m n o p"]]
    scores = Cider(references).scores(["a b c d e", "f g h i", "k l m n o p"])
    np.testing.assert_allclose(scores, 10)


def test_words_are_what_split_says():
    cider = Cider([["ab", "abc"], ["xyzv"]], split=list)
    np.testing.assert_allclose(
        cider.scores(["abc", "xyzv"]),
        cider_d(["a b c", "x y z v"], [["a b", "a b c"], ["x y z v"]]),
    )


def test_bad_input():
    with pytest.raises(ValueError, match=r"`references` must .* number 1 has none"):
        Cider([["a"], []])
    with pytest.raises(ValueError, match="as many as the images, 2; received 1"):
        Cider([["a"], ["b"]]).scores(["a"])


@pytest.mark.parametrize("seed", range(2))
def test_consensus_is_the_mean_of_the_equations(seed):
    generator = np.random.default_rng(seed)
    images = [random_texts(generator, 3) for _ in range(5)]
    texts = random_texts(generator, 7)
    # One twice, one with a word that no image has, one that repeats, one empty.
    texts += [texts[0], "a bird in red", "the the the dog dog the", ""]
    expected = [
        cider_d([text], [texts[:i] + texts[i + 1 :]], images)[0]
        for i, text in enumerate(texts)
    ]
    found = Cider(images).consensus(texts)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert np.ptp(found) > 0.5
    assert Cider(images).consensus(["a cat"]).tolist() == [0]
    assert Cider(images).consensus([]).shape == (0,)
