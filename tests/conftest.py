"""What every test shares."""

import os

# Before TensorFlow is imported anywhere: its log would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
