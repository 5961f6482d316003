"""What every test shares."""

import os
import signal

# Before TensorFlow is imported anywhere: its log would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA's compiler at little effort: what is computed is the same, and sooner begun.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")

# A shell that starts the tests in the background has them, and every program that
# they start, ignore Control-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
