"""Runnable applications, a folder each: `python -m recipes` lists them."""

import os

# TensorFlow's log would bury what a recipe says; what fails is raised all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
