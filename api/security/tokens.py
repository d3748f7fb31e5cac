"""The tokens that open the service, kept as digests and compared in constant time."""

import hashlib
import hmac
from collections.abc import Iterable


class Tokens:
    """A set of secrets that can be asked, and never read.

    Args:
        tokens: the secrets; none: the service is open.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = tuple(_digest(token) for token in tokens)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accept(self, token: str) -> bool:
        """Whether `token` is one of them; takes equally long whichever it is."""
        digest = _digest(token)
        return any([hmac.compare_digest(digest, known) for known in self._digests])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
