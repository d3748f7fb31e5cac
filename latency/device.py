"""The device: what a latency belongs to. Equal keys may be pooled; the context is only kept to explain."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latency.errors import RecordError

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class DeviceFingerprint:
    """Machine and setting in which latencies are comparable.

    Args:
        identity: whatever changes latency: hardware, driver, library versions, clock policy, the setting.
        context: whatever may explain it later: temperatures, host (hashed), time. Never part of the key.
    """

    identity: Mapping[str, Scalar]
    context: Mapping[str, Scalar] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """SHA-256 of the identity, 64 hexadecimal digits."""
        text = json.dumps(dict(self.identity), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The hardware in words."""
        return str(self.identity.get("name", "unknown device"))

    @property
    def simulated(self) -> bool:
        """Whether no hardware was timed."""
        return self.identity.get("kind") == "sim"

    def differences(self, other: "DeviceFingerprint") -> list[str]:
        """Identity fields that differ, as "driver: 550 -> 560"; empty exactly when the keys are equal."""
        names = sorted({*self.identity, *other.identity})
        pairs = ((name, self.identity.get(name), other.identity.get(name)) for name in names)
        return [f"{name}: {mine} -> {theirs}" for name, mine, theirs in pairs if mine != theirs]

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `name` and `key` are repeated for readers."""
        return {"name": self.name, "key": self.key, "identity": dict(self.identity), "context": dict(self.context)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "DeviceFingerprint":
        """Read what `to_dict` wrote.

        Raises:
            RecordError: a part is missing, or the key does not belong to the identity.
        """
        try:
            found = cls(dict(data["identity"]), dict(data.get("context", {})))
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"not a device fingerprint ({error!r}): it needs identity, a JSON object") from None
        if data.get("key", found.key) != found.key:
            raise RecordError(f"device key {data['key']} does not belong to its identity; the record was altered")
        return found

    def __hash__(self) -> int:
        return hash(self.key)
