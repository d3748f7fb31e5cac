"""The knobs of SViT: which tokens each block processes, and how that is decided (standard library only).

`keep3_5=0.7` keeps 0.7 of the tokens in blocks 3 to 5 (those of one interaction), `keep4` sets one block, `keep` all;
the more specific knob wins. `threshold...` knobs likewise. No knob changes a weight: one checkpoint runs every plan.

Source: SViT (arXiv 2306.07050), section 3; ratios per block are trained for, thresholds and exact counts are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from models.errors import PlanError
from models.plan import Value

Mode: TypeAlias = Literal["topk", "threshold", "argmax", "gumbel"]
"""How a selector decides. topk: the best `keep` of the tokens, the same number for every image. threshold: all that are
kept with a probability above `threshold`. argmax: all above 1/2. gumbel: a draw per token, as published."""

MODES: tuple[Mode, ...] = get_args(Mode)

FIRST_RATIO = 0.7
"""Published target of the first group of blocks; each later group is trained for one more power of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks that run on the same tokens.

    Args:
        blocks: numbers, in order.
        selector: number of the selector that decides; None: all tokens.
        keep: share of the tokens that is kept (topk), or that training steers towards (other modes).
        threshold: probability above which a token is kept (threshold).
    """

    blocks: tuple[int, ...]
    selector: int | None = None
    keep: float = 1.0
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a plan means for the network.

    Args:
        mode: how selectors decide.
        interactions: runs of blocks of each interaction.
        multiple: kept counts of topk are rounded up to a multiple of it.
        extra_extractors: extra extractors that run.
    """

    mode: Mode
    interactions: tuple[tuple[Run, ...], ...]
    multiple: int = 1
    extra_extractors: int = 2

    def deciding(self) -> tuple[Run, ...]:
        """The first run of every selector that decides."""
        found = {run.selector: run for runs in reversed(self.interactions) for run in reversed(runs)}
        return tuple(run for selector, run in reversed(found.items()) if selector is not None)


@dataclass(frozen=True, slots=True)
class Selection:
    """Where the selectors of a network stand.

    Args:
        interactions: (first, last) block of each interaction.
        blocks: the blocks that have a selector in front, in order.
        ratios: what each selector is trained to keep.
        inherit: a token once skipped stays skipped, and a decision holds until the next selector.
        extra_extractors: extra extractors that the network has.
    """

    interactions: tuple[tuple[int, int], ...]
    blocks: tuple[int, ...]
    ratios: tuple[float, ...]
    inherit: bool = False
    extra_extractors: int = 2
    _shares: Mapping[str, tuple[str, tuple[int, ...]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        singles = [(block,) for block in self.blocks]
        # a group of one block is that block
        groups = [group for group in self.groups() if len(group) > 1]
        named = {"": self.blocks} | {name_of(blocks): blocks for blocks in (*groups, *singles)}
        shares = {what + part: (what, blocks) for what in ("keep", "threshold") for part, blocks in named.items()}
        object.__setattr__(self, "_shares", shares)

    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The blocks with selectors of each interaction that has any."""
        found = (tuple(block for block in self.blocks if first <= block <= last) for first, last in self.interactions)
        return tuple(group for group in found if group)

    def names(self) -> tuple[str, ...]:
        """Every knob."""
        return ("mode", *self._shares, "share", "multiple", "extra_extractors")

    def schedule(self, plan: Mapping[str, Value]) -> Schedule:
        """What a plan means.

        Raises:
            PlanError: unknown knob, a value that cannot run, or a knob without effect in the plan's mode.
        """
        known = self.names()
        unknown = [name for name in plan if name not in known]
        if unknown:
            raise PlanError(f"unknown knobs {unknown}; an SViT with these selectors has {', '.join(known)}")
        mode = _mode(plan.get("mode", "topk"))
        # inherited decisions are shared already
        share = _whole(plan, "share", 1, 1 if self.inherit else max([1, *map(len, self.groups())]))
        multiple = _whole(plan, "multiple", 1, 1024)
        extra = _whole(plan, "extra_extractors", 0, self.extra_extractors, self.extra_extractors)
        if mode != "topk" and multiple > 1:
            raise PlanError(f"multiple={multiple} has no effect in mode {mode!r}, whose counts depend on the image")
        usual = (1.0,) * len(self.blocks) if mode == "topk" else self.ratios
        found = {
            "keep": dict(zip(self.blocks, usual, strict=True)),
            "threshold": dict.fromkeys(self.blocks, 0.5),
        }
        # knobs that name fewer blocks come later and win
        for name in sorted(
            (name for name in plan if name in self._shares), key=lambda name: -len(self._shares[name][1])
        ):
            what, blocks = self._shares[name]
            if what == "threshold" and mode != "threshold":
                raise PlanError(f"{name} has no effect in mode {mode!r}; add mode='threshold' to the plan")
            found[what].update(dict.fromkeys(blocks, _share(name, plan[name], what)))
        settings = {
            block: Run((block,), number, found["keep"][block], found["threshold"][block])
            for number, block in enumerate(self.blocks)
        }
        return Schedule(mode, self._runs(settings, share), multiple, extra)

    def _runs(self, settings: Mapping[int, Run], share: int) -> tuple[tuple[Run, ...], ...]:
        result, lasting = [], None
        for first, last in self.interactions:
            runs: list[Run] = []
            for block in range(first, last + 1):
                own = settings.get(block)
                before = runs[-1] if runs and runs[-1].selector is not None else None
                if self.inherit and own is None and lasting is not None:
                    # until the next selector, also across interactions
                    before, follows = before or replace(lasting, blocks=()), True
                else:
                    follows = before is not None and own is not None and len(before.blocks) < share
                if follows and before is not None:
                    own = replace(before, blocks=(*before.blocks, block))
                    del runs[len(runs) - bool(before.blocks) :]
                runs.append(own or Run((block,)))
                lasting = runs[-1] if runs[-1].selector is not None else None
            result.append(tuple(runs))
        return tuple(result)


def kept_tokens(share: float, total: int, multiple: int = 1) -> int:
    """Tokens that topk keeps: rounded half up, at least one, and up to the next multiple."""
    kept = max(1, int(share * total + 0.5))
    return min(total, -(-kept // multiple) * multiple)


def name_of(blocks: Sequence[int]) -> str:
    """How a knob names blocks that follow each other: `3_5`; a single one: `4`."""
    return str(blocks[0]) if len(blocks) == 1 else f"{blocks[0]}_{blocks[-1]}"


def published_ratios(selection: Sequence[Sequence[int]], base: float = FIRST_RATIO) -> tuple[float, ...]:
    """The published rule: k for the first group of blocks, k^2 for the second, k^3 for the third."""
    return tuple(round(base ** (power + 1), 6) for power, group in enumerate(selection) for _ in group)


def _mode(value: Value) -> Mode:
    if value not in MODES:
        raise PlanError(f"mode={value!r} must be one of {', '.join(MODES)}")
    return value


def _share(name: str, value: Value, what: str) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    if not 0 <= number <= 1 or (what == "keep" and number == 0):
        legal = "a share above 0, at most 1 (all tokens)" if what == "keep" else "a probability from 0 to 1"
        raise PlanError(f"{name}={value!r} must be {legal}")
    return number


def _whole(plan: Mapping[str, Value], name: str, least: int, most: int, usual: int = 1) -> int:
    value = plan.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise PlanError(f"{name}={value!r} must be a whole number from {least} to {most}")
    return value
