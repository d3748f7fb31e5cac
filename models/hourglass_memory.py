"""Remembering tables that depend on sizes alone, without letting them into a graph that is being traced."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def remembered(build: Callable[P, T]) -> Callable[P, T]:
    """A pure function of hashable arguments that is computed once per argument list, by any thread.

    A traced graph (`torch.compile`, `torch.export`) gets tensors of its own: those of a trace must not outlive it.
    """

    @lru_cache(maxsize=256)
    def look_up(*arguments: P.args, **options: P.kwargs) -> T:
        # a table first needed under inference_mode must still serve a later training step
        with torch.inference_mode(False):
            return build(*arguments, **options)

    @wraps(build)
    def table(*arguments: P.args, **options: P.kwargs) -> T:
        if torch.compiler.is_compiling() or torch.compiler.is_exporting():
            return build(*arguments, **options)
        return look_up(*arguments, **options)  # type: ignore[arg-type]  # hashable, by contract

    return table
