"""What can be wrong with a bundle before anything in it is looked at."""


class BundleError(ValueError):
    """A folder or archive that is no bundle; ``str()`` is a sentence."""
