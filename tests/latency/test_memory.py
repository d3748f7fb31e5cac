"""Forwards in a process that keeps its memory get no page from the kernel; whoever tunes memory is left alone."""

import json
import mmap
import os
import subprocess
import sys
from typing import Any

import pytest

from latency.memory import KEEPING, chosen, describe
from latency.timers.host import minor_faults

# where the kernel hands out huge pages, a thousand faults become two
SMALL_PAGES = """
import ctypes
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE
"""

# a heap as plans in turn leave it: blocks of 8 MiB come and go above a small one that stays
FORWARDS = f"""{SMALL_PAGES}
import json, sys
from latency.memory import keep_memory
from latency.timers.host import minor_faults

kept = keep_memory() if sys.argv[1:] else None
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
counts = []
for _ in range(8):
    before = minor_faults()
    blocks = [libc.malloc(size << 20) for size in (40, 8, 8)]
    for block in blocks:
        ctypes.memset(block, 1, 8 << 20)
    for block in blocks:
        libc.free(block)
    counts.append(minor_faults() - before)
print(json.dumps([kept, counts[-4:]]))
"""


def answer(script: str, variables: dict[str, str], *words: str) -> Any:
    """What a fresh process prints, as JSON; of what tunes memory it has only these variables."""
    tuned = chosen()
    plain = {name: value for name, value in os.environ.items() if name not in tuned}
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, env={**plain, **variables}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def faults(keep: bool, variables: dict[str, str]) -> tuple[bool | None, list[int]]:
    kept, counts = answer(FORWARDS, variables, *(["keep"] if keep else []))
    return kept, counts


def test_nothing_comes_from_the_kernel_again() -> None:
    assert min(faults(False, {})[1]) > 1000
    kept, counts = faults(True, {})
    assert kept is True and min(counts) < 100


def test_the_variables_for_serving_do_the_same() -> None:
    assert min(faults(False, KEEPING)[1]) < 100


def test_an_environment_of_ones_own_is_left_alone() -> None:
    kept, counts = faults(True, {"MALLOC_TOP_PAD_": "0"})
    assert kept is False and min(counts) > 1000


def test_the_fingerprint_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in chosen():
        monkeypatch.delenv(name)
    assert describe() == "kept"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("LD_PRELOAD", "/opt/a.so:/usr/lib/libjemalloc.so.2")
    assert describe() == {"LD_PRELOAD": "a.so libjemalloc.so.2", "MALLOC_ARENA_MAX": "1"}


def test_fresh_pages_are_faults() -> None:
    before = minor_faults()
    with mmap.mmap(-1, 2**24) as fresh:
        fresh.write(b"x" * 2**24)
    assert minor_faults() > before > 0


# what a search does: plans of one backbone take turns in one process
TURNS = f"""{SMALL_PAGES}
import json
from latency.runtimes import make_timer
from latency.setting import Setting
from latency.timers.host import minor_faults
from models.plan import Plan
from models.zoo import build

backbone = build("sparsevit_nano").eval()
space = backbone.space((224, 224))
timer = make_timer(backbone, Setting(input_size=(224, 224), threads=1))
counts = []
for _ in range(6):
    before = minor_faults()
    for plan in (space.dense, space.sparsest, space.dense):
        timer.time_block(plan, 3)
    counts.append(minor_faults() - before)
print(json.dumps(counts[-3:]))
"""


def turns(variables: dict[str, str]) -> int:
    """Page faults of the best of the last rounds: the kernel may always take idle pages away, and some come back."""
    return min(answer(TURNS, variables))


def test_plans_in_turn_do_not_pay_for_each_others_memory() -> None:
    assert turns({}) < 100
    # glibc's own default, which switches off its guesses
    assert turns({"MALLOC_TRIM_THRESHOLD_": "131072"}) > 1000
