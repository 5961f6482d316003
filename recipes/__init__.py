"""Runnable applications, a folder each: `python -m recipes` lists them."""

import os

# TensorFlow's log lines would bury what a recipe says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
