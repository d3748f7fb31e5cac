"""The error family of `samples`."""


class SampleError(Exception):
    """A built-in data set cannot be written or does not check out; the message names the folder and the remedy."""
