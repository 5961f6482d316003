"""What the sentiment recipe measures, and what it is measured against."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seq.diagnostics import calibration_error
from keras_seq.extras import require
from keras_seq.text import count_words, is_mostly_unspaced
from recipes.sentiment.confusion import confusion_figures, confusion_matrix
from recipes.sentiment.data import Data, Part
from recipes.sentiment.explaining import TextClassifier
from recipes.sentiment.naive_bayes import log_count_ratio
from recipes.sentiment.reading import spaced_texts

LENGTHS = (10, 20, 40, 100, 300)  # words
INTERPOLATION = 0.25  # β of NB-SVM: of each weight, and of their mean size


def figures_of(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Figures of predicted probabilities.

    Args:
        probabilities: Shape (texts, labels).
        labels: Array of integers, shape (texts,).

    Returns:
        Dict of "accuracy", "macro_f1", "nats" (mean of -ln p of the right label),
        "calibration_error" (of the likeliest label's probability, ten bins), and, of
        two labels, "auc".
    """
    metrics = require("sklearn.metrics", "recipes")
    predicted = probabilities.argmax(axis=1)
    right = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1)
    found = {
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(
            metrics.f1_score(labels, predicted, average="macro", zero_division=0)
        ),
        "nats": float(-np.log(right).mean()),
        "calibration_error": calibration_error(
            probabilities.max(axis=1), predicted == labels
        ),
    }
    if probabilities.shape[1] == 2 and len(set(labels.tolist())) == 2:
        found["auc"] = float(metrics.roc_auc_score(labels, probabilities[:, 1]))
    return found


def by_length(texts: list[str], right: np.ndarray) -> list[dict[str, Any]]:
    """Accuracy by the length of the text.

    Returns:
        List of dicts "words", "texts", "accuracy".
    """
    words = np.array([count_words(text) for text in texts])
    rows: list[dict[str, Any]] = []
    lower = 0
    for upper in (*LENGTHS, max(words.max(initial=0), LENGTHS[-1] + 1)):
        chosen = (words > lower) & (words <= upper)
        if chosen.any():
            share = float(right[chosen].mean())
            row = {"words": f"{lower + 1}-{upper}", "texts": int(chosen.sum())}
            rows.append(row | {"accuracy": share})
        lower = upper
    return rows


def baseline_predictions(
    train: Part, test_texts: list[str], count: int
) -> dict[str, np.ndarray]:
    """Labels that bags of words predict, by scikit-learn.

    Args:
        train: The training texts, a `Part`.
        test_texts: Strings.
        count: Number of labels.

    Returns:
        Dict of arrays of integers, one value a text: "majority"; "logistic_regression"
        (which words there are, C = 1); "nb_logistic_regression" and "nb_svm" (Wang and
        Manning, 2012: which n-grams of one and two words there are, weighed by naive
        Bayes's log-count ratios; a linear SVM with C = 1 whose weights are
        interpolated with β = 0.25). They split texts into words as the model does.
        Where most texts are written without spaces also "characters" (logistic
        regression, C = 1, on TF-IDF of groups of 1 to 4 characters).
    """
    text = require("sklearn.feature_extraction.text", "recipes")
    linear_model = require("sklearn.linear_model", "recipes")
    svm = require("sklearn.svm", "recipes")
    known, asked = spaced_texts(train.texts), spaced_texts(test_texts)
    labels = train.labels
    majority = np.bincount(labels, minlength=count).argmax()
    found = {"majority": np.full(len(asked), majority)}

    def bags(orders: tuple[int, int]) -> tuple[Any, Any]:
        vectorizer = text.CountVectorizer(
            binary=True, ngram_range=orders, token_pattern=r"\S+", lowercase=False
        )
        return vectorizer.fit_transform(known), vectorizer.transform(asked)

    def regression() -> Any:
        return linear_model.LogisticRegression(solver="liblinear", random_state=0)

    x, z = bags((1, 1))
    found["logistic_regression"] = _one_against_rest(
        count, labels, lambda own: regression().fit(x, own).decision_function(z)
    )
    x, z = bags((1, 2))

    def weighed(own: np.ndarray) -> tuple[Any, Any]:
        ratio = log_count_ratio(x, own)
        return x.multiply(ratio).tocsr(), z.multiply(ratio).tocsr()

    def nb_regression(own: np.ndarray) -> np.ndarray:
        x, z = weighed(own)
        return regression().fit(x, own).decision_function(z)

    def nb_svm(own: np.ndarray) -> np.ndarray:
        x, z = weighed(own)
        model = svm.LinearSVC(C=1.0, random_state=0).fit(x, own)
        weights = model.coef_[0]
        mean = np.abs(weights).mean()
        model.coef_ = ((1 - INTERPOLATION) * mean + INTERPOLATION * weights)[None]
        return model.decision_function(z)

    found["nb_logistic_regression"] = _one_against_rest(count, labels, nb_regression)
    found["nb_svm"] = _one_against_rest(count, labels, nb_svm)
    if 2 * sum(map(is_mostly_unspaced, train.texts)) > len(train.texts):
        vectorizer = text.TfidfVectorizer(
            analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True
        )
        x, z = vectorizer.fit_transform(train.texts), vectorizer.transform(test_texts)
        found["characters"] = _one_against_rest(
            count, labels, lambda own: regression().fit(x, own).decision_function(z)
        )
    return found


def _one_against_rest(
    count: int, labels: np.ndarray, decide: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The label with the largest decision value, of one model a label."""
    if count == 2:
        return (decide(labels == 1) > 0).astype(int)
    values = [decide(labels == label) for label in range(count)]
    return np.stack(values, axis=1).argmax(axis=1)


def difference(
    own: np.ndarray, other: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """How much more often one prediction is right than another, and the standard
    error of that, both on the same texts.
    """
    gain = (own == labels).astype(float) - (other == labels)
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return float(gain.mean()), float(error)


def compared(
    own: np.ndarray, other: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """The other's accuracy, and how much more often one's own prediction is right."""
    gain, error = difference(own, other, labels)
    accuracy = float((other == labels).mean())
    return {"accuracy": accuracy, "difference": gain, "standard_error": error}


def of_validation(data: Data, classifier: TextClassifier) -> dict[str, Any]:
    """Figures on the validation texts, where the files have some."""
    if not len(data.validation):
        return {}
    probabilities, *_ = classifier.predict(data.validation.texts)
    return {"texts": figures_of(probabilities, data.validation.labels)}


def test_figures(
    data: Data,
    names: list[str],
    probabilities: np.ndarray,
    parts: np.ndarray,
    plain: TextClassifier | None,
) -> dict[str, Any]:
    """What metrics.json says of the test.

    Args:
        data: The recipe's `Data`.
        names: Of the model's parts.
        probabilities: Of the test texts, by the model; shape (texts, labels).
        parts: Of the test texts, the parts' logits; shape (texts, parts, labels).
        plain: The lecture's plain model beside it, or None.
    """
    labels = data.test.labels
    predicted = probabilities.argmax(axis=1)
    of_parts = (parts.argmax(axis=-1) == labels[:, None]).mean(axis=0)
    test: dict[str, Any] = {
        **figures_of(probabilities, labels),
        "parts": dict(zip(names, of_parts.tolist(), strict=True)),
        "by_length": by_length(data.test.texts, predicted == labels),
        **confusion_figures(
            confusion_matrix(labels, predicted, len(data.labels)), data.labels
        ),
    }
    if plain is not None:
        found, *_ = plain.predict(data.test.texts)
        row = compared(predicted, found.argmax(axis=1), labels)
        test["plain"] = figures_of(found, labels) | row
    return test


def baseline_figures(data: Data, probabilities: np.ndarray) -> dict[str, Any]:
    """How often bags of words are right on the test texts."""
    labels, count = data.test.labels, len(data.labels)
    guesses = baseline_predictions(data.train, data.test.texts, count)
    predicted = probabilities.argmax(axis=1)
    return {name: compared(predicted, x, labels) for name, x in guesses.items()}
