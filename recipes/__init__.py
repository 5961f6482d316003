"""Runnable applications, a folder each: `python -m recipes` lists them."""

import os
import sys

from keras_seq.extras import quiet_import

# TensorFlow's log would bury what a recipe says; what fails is raised all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if sys.orig_argv[1:3] != ["-m", "recipes"]:  # the list needs nothing of it
    quiet_import("tensorflow", "tensorflow_text")
