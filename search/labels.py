"""What people call a search: a name and labels, free text that is safe to print anywhere."""

import re
from collections.abc import Mapping

from search.errors import JobError

LONGEST = 200
MOST = 32
KEY = re.compile(r"[a-z0-9_.-]{1,64}")


def check_text(what: str, text: object) -> None:
    """Refuse what is no short, printable line.

    Raises:
        JobError: no text, too long, or with characters that do not print (control characters, line breaks, ...).
    """
    if not isinstance(text, str):
        raise JobError(f"{what}={text!r} must be a text")
    if len(text) > LONGEST:
        raise JobError(f"{what} has {len(text)} characters; at most {LONGEST} are allowed")
    # what str.isprintable refuses includes lone surrogates, which no database takes, and marks that reverse text
    if not text.isprintable():
        raise JobError(f"{what}={text!r} must be printable: no control characters and no line breaks")


def check_labels(labels: object) -> None:
    """Refuse what is no small mapping of short texts.

    Raises:
        JobError: names the label at fault.
    """
    if not isinstance(labels, Mapping):
        raise JobError(f"labels={labels!r} must be pairs of a key and a text, such as {{'team': 'vision'}}")
    if len(labels) > MOST:
        raise JobError(f"labels has {len(labels)} pairs; at most {MOST} are allowed")
    for key, value in labels.items():
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise JobError(f"labels: key {key!r} must be 1 to 64 characters of a-z, 0-9, _ . and -")
        check_text(f"labels[{key}]", value)
