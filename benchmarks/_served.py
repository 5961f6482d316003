"""An export as TensorFlow Serving loads it, through a Session."""

import tensorflow as tf

v1 = tf.compat.v1


class Served:
    """Answers a signature: named arrays in, named arrays out."""

    def __init__(self, directory):
        self._session = v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = v1.saved_model.loader.load(
                self._session, ["serve"], str(directory)
            )
        self._signatures = loaded.signature_def

    def run(self, name, inputs):
        signature = self._signatures[name]
        return self._session.run(
            {key: info.name for key, info in signature.outputs.items()},
            {signature.inputs[key].name: value for key, value in inputs.items()},
        )
