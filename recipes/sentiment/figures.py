"""What the sentiment recipe measures, and what it is measured against."""

import numpy as np

from keras_seq.extras import require
from recipes.binary_classification.figures import calibration_error
from recipes.sentiment.linear import log_count_ratio
from recipes.sentiment.reading import spaced_texts

INTERPOLATION = 0.25  # β of NB-SVM: of each weight, and of their mean size


def figures_of(probabilities, labels):
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


def baseline_predictions(train, test_texts, count):
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
    """
    text = require("sklearn.feature_extraction.text", "recipes")
    linear_model = require("sklearn.linear_model", "recipes")
    svm = require("sklearn.svm", "recipes")
    known, asked = spaced_texts(train.texts), spaced_texts(test_texts)
    labels = train.labels
    majority = np.bincount(labels, minlength=count).argmax()
    found = {"majority": np.full(len(asked), majority)}

    def bags(orders):
        vectorizer = text.CountVectorizer(
            binary=True, ngram_range=orders, token_pattern=r"\S+", lowercase=False
        )
        return vectorizer.fit_transform(known), vectorizer.transform(asked)

    def regression():
        return linear_model.LogisticRegression(solver="liblinear", random_state=0)

    x, z = bags((1, 1))
    found["logistic_regression"] = _one_against_rest(
        count, labels, lambda own: regression().fit(x, own).decision_function(z)
    )
    x, z = bags((1, 2))

    def weighed(own):
        ratio = log_count_ratio(x, own)
        return x.multiply(ratio).tocsr(), z.multiply(ratio).tocsr()

    def nb_regression(own):
        x, z = weighed(own)
        return regression().fit(x, own).decision_function(z)

    def nb_svm(own):
        x, z = weighed(own)
        model = svm.LinearSVC(C=1.0, random_state=0).fit(x, own)
        weights = model.coef_[0]
        mean = np.abs(weights).mean()
        model.coef_ = ((1 - INTERPOLATION) * mean + INTERPOLATION * weights)[None]
        return model.decision_function(z)

    found["nb_logistic_regression"] = _one_against_rest(count, labels, nb_regression)
    found["nb_svm"] = _one_against_rest(count, labels, nb_svm)
    return found


def _one_against_rest(count, labels, decide):
    """The label with the largest decision value, of one model a label."""
    if count == 2:
        return (decide(labels == 1) > 0).astype(int)
    values = [decide(labels == label) for label in range(count)]
    return np.stack(values, axis=1).argmax(axis=1)


def difference(own, other, labels):
    """How much more often one prediction is right than another, and the standard
    error of that, both on the same texts.
    """
    gain = (own == labels).astype(float) - (other == labels)
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return float(gain.mean()), float(error)
