"""The error family of `models`: one root, so callers can catch everything that a plan or a checkpoint can get wrong."""


class ModelError(Exception):
    """Root of every error this package raises on purpose."""


class PlanError(ModelError, ValueError):
    """A plan or a space is malformed: unknown knob, illegal value, broken order."""


class CheckpointError(ModelError, ValueError):
    """A checkpoint does not fit its model, or is no checkpoint; the message lists keys and shapes."""


class InputError(ModelError, ValueError):
    """A tensor or an input size that the backbone cannot process."""
