"""The ranks of a launcher: started alone, by torchrun, or by `torchpack dist-run` (Open MPI), they become one team.

    with join(detect(os.environ)) as team:
        shares = team.gather(share)                    # on every rank, in rank order
        code = team.follow(lead)                       # rank 0 runs `lead`, the others wait for its exit code

The published search replicates its logic on every rank and hangs when one rank draws a number more than another. Here
rank 0 alone decides; the others lend their devices and wait.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from search.errors import LaunchError

LAUNCHER_VARIABLES = ("OMPI_", "PMIX_", "PRTE_", "TORCHELASTIC_", "GROUP_", "ROLE_")
LAUNCHER_NAMES = frozenset(
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_HOST", "MASTER_ADDR", "MASTER_PORT"}
)
"""What launchers put into the environment; a process started by a rank must not take itself for that rank."""

_PATIENCE = timedelta(days=60)
"""Ranks wait for a whole search, not for a collective operation."""
_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Launch:
    """How this process was started.

    Args:
        launcher: "alone", "mpi" or "torchrun".
        rank: 0 <= rank < ranks.
        ranks: processes in all.
        rendezvous: where they meet, as `torch.distributed` spells it; empty when alone.
    """

    launcher: str
    rank: int = 0
    ranks: int = 1
    rendezvous: str = ""


def detect(environment: Mapping[str, str]) -> Launch:
    """Read the environment of a launcher.

    Raises:
        LaunchError: the ranks have no place to meet, or a number is none.
    """
    for launcher, rank, ranks in (
        ("mpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("torchrun", "RANK", "WORLD_SIZE"),
    ):
        if rank not in environment or ranks not in environment:
            continue
        try:
            position, size = int(environment[rank]), int(environment[ranks])
        except ValueError:
            raise LaunchError(
                f"{rank}={environment[rank]!r}, {ranks}={environment[ranks]!r}: expected numbers"
            ) from None
        if not 0 <= position < size:
            raise LaunchError(f"{rank}={position} must lie below {ranks}={size}")
        return Launch(launcher, position, size, "" if size == 1 else _rendezvous(environment))
    return Launch("alone")


def _rendezvous(environment: Mapping[str, str]) -> str:
    if "MASTER_HOST" in environment:  # torchpack: host:port, free on the first host
        return f"tcp://{environment['MASTER_HOST']}"
    if "MASTER_ADDR" in environment and "MASTER_PORT" in environment:
        return "env://"
    raise LaunchError(
        "the ranks have no place to meet: neither MASTER_HOST nor MASTER_ADDR and MASTER_PORT are set. "
        "Start them with `torchpack dist-run -np N python search.py ...` or `torchrun --nproc-per-node N search.py ...`"
    )


def forget(environment: MutableMapping[str, str]) -> None:
    """Remove what the launcher put into `environment`, for the processes that this one starts."""
    for name in list(environment):
        if name in LAUNCHER_NAMES or name.startswith(LAUNCHER_VARIABLES):
            del environment[name]


class Team(Protocol):
    """The ranks of one launch."""

    def gather(self, share: Any) -> list[Any]:
        """What every rank brought (JSON-like values), in rank order, on every rank."""
        ...

    def follow(self, lead: Callable[[], int]) -> int:
        """The exit code of `lead`, which rank 0 runs; the other ranks wait for it, without using a core."""
        ...


class Alone:
    """A team of one."""

    def gather(self, share: Any) -> list[Any]:
        """See `Team.gather`."""
        return [share]

    def follow(self, lead: Callable[[], int]) -> int:
        """See `Team.follow`."""
        return lead()


class GlooTeam:
    """Ranks that talk over gloo: it works without a GPU, and moves nothing but a few numbers here."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    def gather(self, share: Any) -> list[Any]:
        """See `Team.gather`."""
        import torch.distributed as dist

        shares: list[Any] = [None] * self._launch.ranks
        dist.all_gather_object(shares, share)
        return shares

    def follow(self, lead: Callable[[], int]) -> int:
        """See `Team.follow`.

        Raises:
            LaunchError: rank 0 died.
        """
        import torch
        import torch.distributed as dist

        leader = self._launch.rank == 0
        code = torch.tensor([lead() if leader else -1])
        try:
            sending = dist.broadcast(code, 0, async_op=True)
            # polled, because a wait inside C++ would not hear a signal
            while not sending.is_completed():
                time.sleep(_POLL_S)
            sending.wait()
        except RuntimeError as error:
            if leader:  # a follower is gone; the search has its answer all the same
                return int(code)
            raise LaunchError(f"rank 0 ended without a word ({error}); its output says why") from None
        return int(code)


@contextlib.contextmanager
def join(launch: Launch) -> Iterator[Team]:
    """Meet the other ranks; alone, nothing is imported and nothing waits.

    Raises:
        LaunchError: the ranks did not meet.
    """
    if launch.ranks == 1:
        yield Alone()
        return
    import torch.distributed as dist

    try:
        dist.init_process_group(
            "gloo", init_method=launch.rendezvous, rank=launch.rank, world_size=launch.ranks, timeout=_PATIENCE
        )
    except (RuntimeError, ValueError) as error:
        raise LaunchError(
            f"rank {launch.rank} of {launch.ranks} did not meet the others at {launch.rendezvous}: {error}"
        ) from None
    try:
        yield GlooTeam(launch)
    finally:
        dist.destroy_process_group()
