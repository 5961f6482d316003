"""What every test shares."""

import ctypes
import gc
import os
import pathlib
import signal
import sys

import pytest

# Before TensorFlow is imported anywhere: its log would drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA's compiler at little effort: what is computed is the same, and sooner begun.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)

# A shell that starts the tests in the background has them, and every program that
# they start, ignore Control-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


# The folders whose files take longest: two processes that share the files end together
# if the short ones are left for the end. "." holds the files beside this one.
SLOW = ["recipes", ".", "text", "ops", "diagnostics", "layers", "serving", "training"]


def pytest_collection_modifyitems(items):
    """Sorts the tests by folder; in a folder they stay as they are."""
    folder = pathlib.Path(__file__).parent

    def place(item):
        parts = item.path.relative_to(folder).parts
        room = parts[0] if len(parts) > 1 else "."
        return SLOW.index(room) if room in SLOW else len(SLOW)

    items.sort(key=place)


@pytest.fixture(scope="module", autouse=True)
def _what_stays_is_not_searched():
    # Traced graphs and modules stay until the end; searched again in every
    # collection, they would take a quarter of the time.
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":  # what has been freed goes back to the system
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
