"""What can go wrong in drawing a tune that is well-formed."""


class EngravingError(RuntimeError):
    """A tune could not be drawn: Verovio crashed, took too long, drew nothing."""
