"""Writing down a fault of ours, without what it might carry of a patient."""


def without_values(error: Exception) -> Exception:
    """An error with the type and place of `error`, not its text: that may hold a value from a data set."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
