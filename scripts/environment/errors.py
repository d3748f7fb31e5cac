"""The one error of the set-up."""


class SetupError(Exception):
    """The set-up cannot go on; the message says why and what to do."""
