"""What SQLite says, as what to do."""

from search.errors import StoreError, StoreUnavailable


def explain(name: str, text: str) -> StoreError:
    """The error that a message of SQLite stands for.

    Args:
        name: the file.
        text: the message.
    """
    if any(part in text for part in ("malformed", "not a database", "decode to UTF-8", "unsupported file format")):
        return StoreError(damaged(name, text))
    if "locked" in text:
        return StoreUnavailable(f"{name} is locked by another program; close it and try again")
    if "full" in text or "disk I/O" in text:
        return StoreUnavailable(f"cannot write {name} ({text}); free some space, and try again")
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"cannot write {name} ({text}); check the permissions of the file and of its folder")
    return StoreError(f"{name}: {text}")


def damaged(name: str, text: str) -> str:
    """Says that a file is damaged, and the remedy."""
    return f"{name} is damaged ({text[:200]}); restore it from a backup, or move it away to start afresh"
