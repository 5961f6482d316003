"""`python -m keras_seq.serving` starts in silence; an import changes nothing."""

import os
import sys

from keras_seq.extras import quiet_import

if sys.orig_argv[1:3] == ["-m", "keras_seq.serving"]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    quiet_import("tensorflow", "tensorflow_text")
