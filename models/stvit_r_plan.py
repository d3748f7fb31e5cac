"""The knobs of STViT-R: how every dumbbell runs under a plan (standard library only).

A dumbbell is six blocks: a Swin block, two that generate semantic tokens, two that process them, one that recovers the
map. Its knobs change no weight, so one checkpoint runs every plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import PlanError
from models.plan import Value
from models.space import Knob, Space

BLOCKS = 6
"""Blocks of a dumbbell."""

_WIDEST = 256
"""Tokens a key window may span: more than any map needs, and few enough for memory."""


@dataclass(frozen=True, slots=True)
class Dumbbell:
    """How one dumbbell runs.

    Args:
        s: side of the square of semantic tokens that stands for a window (s = window: no reduction).
        k1, k2: sides, in image tokens, of what a window's tokens see in the first and second generating block.
        kr: side, in semantic tokens, of what a window sees when the map is recovered.
    Source: STViT-R (arXiv 2303.08685), section 3; defaults of the released detectors.
    """

    s: int = 3
    k1: int = 14
    k2: int = 21
    kr: int = 27

    @property
    def r(self) -> float:
        """Windows seen to each side of the own one when the map is recovered."""
        radius = (self.kr / self.s - 1) / 2
        return int(radius) if radius.is_integer() else radius


def dumbbells(
    plan: Mapping[str, Value], count: int, default: Dumbbell, window: int, detection: bool = True
) -> tuple[Dumbbell | None, ...]:
    """What a plan says about each of `count` dumbbells; None: dropped, the map passes unchanged.

    `dumbbell2_s`, `dumbbell2_k1`, `dumbbell2_k2` and `dumbbell2_r` set one dumbbell (numbers from 1), `dumbbell_s` etc.
    all of them; the more specific knob wins. `dumbbell2=False` drops one, all but the first can be. `r` counts windows,
    so that the recovery context stays what it was when s changes. What no knob names is as in `default`.

    Raises:
        PlanError: unknown knob, or a value that cannot run.
    """
    known = {knob: (number, part) for number in range(1, count + 1) for knob, part in _names(number, detection)}
    found: dict[tuple[int, str], Value] = {}
    for name, value in plan.items():
        if name in known:
            found[known[name]] = _checked(name, known[name][1], value, window)
    for name, value in plan.items():
        general = name.removeprefix("dumbbell_")
        if name in known:
            continue
        if name == general or (1, general) not in known.values():
            raise PlanError(f"unknown knob {name!r}: this backbone has {', '.join(known)}")
        for number in range(1, count + 1):
            found.setdefault((number, general), _checked(name, general, value, window))
    return tuple(_dumbbell(number, found, default) for number in range(1, count + 1))


def _dumbbell(number: int, found: Mapping[tuple[int, str], Value], default: Dumbbell) -> Dumbbell | None:
    if not found.get((number, ""), True):
        return None
    s, k1, k2 = (int(found.get((number, part), getattr(default, part))) for part in ("s", "k1", "k2"))
    radius = float(found.get((number, "r"), default.r))
    return Dumbbell(s, k1, k2, max(1, round(s * (2 * radius + 1))))


def space(
    count: int, default: Dumbbell, window: int, input_size: tuple[int, int], wider: bool, detection: bool
) -> Space:
    """The knobs of `count` dumbbells, dense first.

    Args:
        default: the checkpoint's own point; the dense plan, unless `wider`.
        wider: also values denser than the default.
        detection: with key windows (k1, k2, r); the classification forward knows only s.
    Returns:
        4 knobs per dumbbell (1 for classification), and one more for each but the first: whether it runs at all.
    """
    values: dict[str, Sequence[Value]] = {"s": _around(default.s, (4, 3, 2, 1), wider, most=window)}
    if detection:
        sides = (3 * window, 2 * window, window)
        values |= {"k1": _around(default.k1, sides, wider), "k2": _around(default.k2, sides, wider)}
        values |= {"r": _around(default.r, (4, 2, 1, 0), wider)}
    knobs: list[Knob] = []
    for number in range(1, count + 1):
        for name, part in _names(number, detection):
            knobs.append(Knob(name, tuple(values[part]) if part else (True, False)))
    return Space(tuple(knobs), (), input_size)


def _around(default: float, others: Sequence[int], wider: bool, most: int | None = None) -> list[Value]:
    legal = [value for value in others if (wider or value < default) and (most is None or value <= most)]
    return sorted({*legal, default}, reverse=True)


def _names(number: int, detection: bool) -> list[tuple[str, str]]:
    # the first dumbbell always runs, or the stage would do nothing
    drop = [(f"dumbbell{number}", "")] if number > 1 else []
    parts = ("s", "k1", "k2", "r") if detection else ("s",)
    return drop + [(f"dumbbell{number}_{part}", part) for part in parts]


def _checked(name: str, part: str, value: Value, window: int) -> Value:
    if part == "":
        if not isinstance(value, bool):
            raise PlanError(f"{name}={value!r} must be true (runs) or false (dropped)")
    elif isinstance(value, bool | str):
        raise PlanError(f"{name}={value!r} must be a number")
    elif part == "r":
        if not 0 <= value <= _WIDEST // window:
            raise PlanError(f"{name}={value!r}: windows seen to each side must be 0 to {_WIDEST // window}")
    elif value != int(value) or not 1 <= value <= (window if part == "s" else _WIDEST):
        most = f"the window's {window}" if part == "s" else _WIDEST
        raise PlanError(f"{name}={value!r} must be a whole number of tokens, from 1 to {most}")
    return value
