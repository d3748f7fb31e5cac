"""How a process finds out which rank it is, and how ranks wait for rank 0."""

import subprocess
import sys
from pathlib import Path

import pytest

from search.errors import LaunchError
from search.ranks import Alone, Launch, detect, forget, join

ROOT = Path(__file__).resolve().parents[2]
MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "MASTER_HOST": "localhost:1234"}
TORCHRUN = {"RANK": "2", "WORLD_SIZE": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "1234"}


@pytest.mark.parametrize(
    ("environment", "launch"),
    [
        ({}, Launch("alone")),
        (MPI, Launch("mpi", 1, 4, "tcp://localhost:1234")),
        (TORCHRUN, Launch("torchrun", 2, 3, "env://")),
        ({**TORCHRUN, **MPI}, Launch("mpi", 1, 4, "tcp://localhost:1234")),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}, Launch("mpi", 0, 1, "")),
        ({"RANK": "0"}, Launch("alone")),
    ],
)
def test_reads_the_launchers_environment(environment: dict[str, str], launch: Launch) -> None:
    assert detect(environment) == launch


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, "no place to meet.*torchpack dist-run"),
        ({**TORCHRUN, "RANK": "first"}, "RANK='first'.*expected numbers"),
        ({**TORCHRUN, "RANK": "3"}, "RANK=3 must lie below WORLD_SIZE=3"),
    ],
)
def test_explains_a_broken_launch(environment: dict[str, str], message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        detect(environment)


def test_children_do_not_take_themselves_for_a_rank() -> None:
    environment = {
        **MPI,
        **TORCHRUN,
        "PMIX_RANK": "1",
        "TORCHELASTIC_RUN_ID": "x",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "1",
    }
    forget(environment)
    assert environment == {"PATH": "/bin", "OMP_NUM_THREADS": "1"}
    assert detect(environment).launcher == "alone"


def test_alone_leads_at_once() -> None:
    with join(Launch("alone")) as team:
        assert isinstance(team, Alone)
        assert team.gather("share") == ["share"]
        assert team.follow(lambda: 3) == 3


FOLLOWER = """
import os, sys
from search.errors import LaunchError
from search.ranks import detect, join

def lead():
    if sys.argv[1] == "die":
        os._exit(9)
    return int(sys.argv[1])

launch = detect(os.environ)
try:
    with join(launch) as team:
        print(team.gather({"rank": launch.rank}))
        code = team.follow(lead)
except LaunchError as error:
    sys.exit(f"LaunchError: {error}")
sys.exit(code)
"""


def start_ranks(ranks: int, argument: str, port: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", FOLLOWER, argument],
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "RANK": str(rank),
                "WORLD_SIZE": str(ranks),
                "MASTER_ADDR": "localhost",
                "MASTER_PORT": str(port),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]


def test_all_ranks_end_with_the_code_of_rank_0(free_port: int) -> None:
    started = start_ranks(3, "3", free_port)
    outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [3, 3, 3], outputs
    assert {output.strip() for output, _ in outputs} == {"[{'rank': 0}, {'rank': 1}, {'rank': 2}]"}


def test_followers_end_when_rank_0_dies(free_port: int) -> None:
    leader, follower = start_ranks(2, "die", free_port)
    _, said = follower.communicate()
    leader.communicate()
    assert leader.returncode == 9
    assert follower.returncode == 1 and "LaunchError: rank 0 ended without a word" in said
