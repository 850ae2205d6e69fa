"""What can be wrong with a signed thing."""


class SealError(ValueError):
    """An envelope, statement or key that does not count; ``str()`` is a sentence."""
