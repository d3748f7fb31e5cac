"""What views show of a request. A stored job has it; a request to a service is read into one here."""

from dataclasses import dataclass
from typing import Protocol

from sparsearch.client.records import Search


class Asked(Protocol):
    """A request; budget and setting are only ever printed."""

    @property
    def target(self) -> str: ...

    @property
    def budget(self) -> object: ...

    @property
    def setting(self) -> object: ...

    @property
    def sampler(self) -> str: ...

    @property
    def metric(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AskedService:
    """A request that a service holds, in the words of a stored one."""

    target: str
    budget: str
    setting: str
    sampler: str
    metric: str

    @classmethod
    def of(cls, search: Search) -> "AskedService":
        """Read a search."""
        asked = search.request
        lower = "" if asked.min_ms is None else f"{asked.min_ms:g} to "
        return cls(
            search.target,
            f"{lower}{asked.max_ms:g} ms ({asked.stat})",
            _setting(asked.setting),
            asked.sampler or "",
            search.metric or "metric",
        )


def _setting(setting: object) -> str:
    if not isinstance(setting, dict):
        return ""
    given = {name: value for name, value in setting.items() if value is not None}
    size = given.pop("img_size", None)
    if size is not None:
        given["size"] = "x".join(map(str, size))
    if "batch" in given:
        given["batch"] = f"batch {given['batch']}"
    if "threads" in given:
        given["threads"] = f"{given['threads']} threads"
    order = ("scope", "batch", "size", "dtype", "runtime", "device", "threads")
    return ", ".join(str(given[name]) for name in order if name in given)
