"""Dates in tables, beside Python's own calendar."""

import datetime
import random

import numpy as np
import pytest
import tensorflow as tf

from recipes.binary_classification.dates import (
    graph_seconds,
    repeating_of,
    seconds_of,
    text_of,
)

EPOCH = datetime.datetime(1970, 1, 1)
WRITTEN = {
    "YYYY-MM-DD": "%Y-%m-%dT%H:%M:%S",
    "YYYY/MM/DD": "%Y/%m/%d %H:%M",
    "DD.MM.YYYY": "%d.%m.%Y %H:%M",
    "MM/DD/YYYY": "%m/%d/%Y, %I:%M %p",
    "DD/MM/YYYY": "%d/%m/%Y",
    "DD month YYYY": "%a, %d %b %Y %H:%M:%S",
    "month DD, YYYY": "%B %d, %Y",
    "month YYYY": "%b-%Y",
    "MM/YYYY": "%m/%Y",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_seconds_are_those_of_datetime(form):
    chance = random.Random(form)
    moments = [
        EPOCH + datetime.timedelta(seconds=chance.randrange(-(2**31), 2**32))
        for _ in range(200)
    ]
    texts = [moment.strftime(WRITTEN[form]) for moment in moments]
    known = [datetime.datetime.strptime(text, WRITTEN[form]) for text in texts]
    expected = [(moment - EPOCH).total_seconds() for moment in known]
    assert [seconds_of(text, form) for text in texts] == expected
    found = graph_seconds(tf.constant(texts), form)
    np.testing.assert_array_equal(found, expected)
    again = [seconds_of(text_of(value, form), form) for value in expected]
    assert again == expected
    parts = repeating_of(np.array(expected))
    assert parts["month"].tolist() == [moment.month for moment in known]
    assert parts["weekday"].tolist() == [moment.weekday() for moment in known]
    assert parts["hour"].tolist() == [moment.hour for moment in known]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2024-03-05T10:00:00+01:30", "YYYY-MM-DD", "2024-03-05T08:30:00"),
        ("2024-03-05 10:00:00.25Z", "YYYY-MM-DD", "2024-03-05T10:00:00.25"),
        ("2024-03-05 10:00 -0530", "YYYY-MM-DD", "2024-03-05T15:30:00"),
        ("5.3.24", "DD.MM.YYYY", "2024-03-05T00:00:00"),
        ("05-Mar-69", "DD month YYYY", "1969-03-05T00:00:00"),
        ("12:00 am", "HH:MM", "1970-01-01T00:00:00"),
        ("12:05:09 p.m.", "HH:MM", "1970-01-01T12:05:09"),
        ("Jan 23", "month YYYY", None),
        ("2024-11", "YYYY-MM", "2024-11-01T00:00:00"),
        ("2024-02-29", "YYYY-MM-DD", "2024-02-29T00:00:00"),
        ("1900-02-29", "YYYY-MM-DD", None),
        ("2024-13-01", "YYYY-MM-DD", None),
        ("2024-04-31", "YYYY-MM-DD", None),
        ("2024-04-30 24:00", "YYYY-MM-DD", None),
        ("2024-04-30 13:00 pm", "YYYY-MM-DD", None),
        ("5 Foo 2024", "DD month YYYY", None),
        ("x2024-04-30", "YYYY-MM-DD", None),
        ("2024-04-30\n", "YYYY-MM-DD", None),
        ("", "YYYY-MM-DD", None),
    ],
)
def test_dates_with_zones_and_dates_that_are_none(text, form, expected):
    found = seconds_of(text, form)
    [in_graph] = graph_seconds(tf.constant([text]), form).numpy()
    if expected is None:
        assert found is None
        assert np.isnan(in_graph)
    else:
        moment = np.datetime64(expected, "us").astype("int64") / 1e6
        assert found == in_graph == moment


def test_what_is_missing_repeats_nothing():
    parts = repeating_of(np.array([np.nan]))
    assert all(np.isnan(values[0]) for values in parts.values())
