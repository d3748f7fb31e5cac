"""Gates: what a latency model must show on plans it was not fitted to before it may steer a search."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc

from latency.features import Floats
from models.plan import Plan
from models.space import Space

NOMINAL = 0.9
"""Coverage of the band that the coverage gate looks at."""

NEAR = 0.1
"""A plan is near the budget when its latency is within this share of it."""

ENOUGH_PAIRS = 10
"""Pairs of plans below which a rank correlation says nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gates demand.

    Args:
        mape: mean absolute error, relative.
        p95: of the absolute error, relative.
        tau: Kendall's rank correlation.
        near_tau: the same among plans near the budget.
        bias: mean signed error, relative, either way.
        coverage: deviation of the band's coverage from nominal, either way.
    """

    mape: float
    p95: float
    tau: float = 0.9
    near_tau: float = 0.8
    bias: float = 0.005
    coverage: float = 0.05


GPU = Limits(mape=0.01, p95=0.03)
CPU = Limits(mape=0.03, p95=0.09)


@dataclass(frozen=True, slots=True)
class Gate:
    """One line of the report.

    Args:
        name: "mape", "p95", "tau", "tau_near_budget", "bias" or "coverage".
        value: what was found; None: too little data.
        limit: what was demanded.
        passed: None when there is too little data to tell.
        text: the line for people.
    """

    name: str
    value: float | None
    limit: float
    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates of one model.

    Args:
        gates: one per line.
        plans: unseen plans that were compared.
    """

    gates: tuple[Gate, ...]
    plans: int

    @property
    def passed(self) -> bool:
        """Whether no gate failed."""
        return all(gate.passed is not False for gate in self.gates)

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of the gates that failed."""
        return tuple(gate.name for gate in self.gates if gate.passed is False)

    def __getitem__(self, name: str) -> Gate:
        return next(gate for gate in self.gates if gate.name == name)

    def __str__(self) -> str:
        signs = {True: "pass", False: "FAIL", None: "  - "}
        return "\n".join(f"{signs[gate.passed]}  {gate.text}" for gate in self.gates)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"passed": self.passed, "plans": self.plans, "gates": [asdict(gate) for gate in self.gates]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GateReport":
        """Read what `to_dict` wrote."""
        return cls(tuple(Gate(**gate) for gate in data["gates"]), data["plans"])


def inspect(
    predicted_ms: Floats,
    measured_ms: Floats,
    error: Floats,
    covered: Sequence[bool],
    limits: Limits,
    budget_ms: float | None = None,
) -> GateReport:
    """Compare predictions of unseen plans with measurements.

    Args:
        predicted_ms, measured_ms: one per plan.
        error: relative standard error of each measurement.
        covered: whether each measurement lay inside the `NOMINAL` band.
        limits: `GPU` or `CPU`.
        budget_ms: adds the gate on ranks near it.
    """
    relative = predicted_ms / measured_ms - 1
    absolute, n = np.abs(relative), len(relative)
    mape, p95, bias = float(absolute.mean()), float(np.quantile(absolute, 0.95)), float(relative.mean())
    # a bias that n noisy plans cannot tell from an acceptable one is no failure
    doubt = 2 * float(relative.std(ddof=1)) / n**0.5 if n > 1 else np.inf
    gates = [
        Gate(
            "mape",
            mape,
            limits.mape,
            mape <= limits.mape,
            f"mean absolute error {mape:.2%} (at most {limits.mape:.0%})",
        ),
        Gate(
            "p95",
            p95,
            limits.p95,
            p95 <= limits.p95,
            f"95th percentile of the error {p95:.2%} (at most {limits.p95:.0%})",
        ),
        _rank_gate("tau", predicted_ms, measured_ms, error, limits.tau, "all plans"),
    ]
    if budget_ms is not None:
        near = np.abs(measured_ms / budget_ms - 1) <= NEAR
        which = f"plans within {NEAR:.0%} of {budget_ms:g} ms"
        gates.append(
            _rank_gate("tau_near_budget", predicted_ms[near], measured_ms[near], error[near], limits.near_tau, which)
        )
    gates.append(
        Gate(
            "bias",
            bias,
            limits.bias,
            abs(bias) <= limits.bias or abs(bias) - doubt <= limits.bias,
            f"bias {bias:+.2%} (within {limits.bias:.1%}; this sample knows it to {doubt:.2%})",
        )
    )
    hits = int(np.sum(covered))
    gates.append(
        Gate(
            "coverage",
            hits / n,
            limits.coverage,
            coverage_is_plausible(hits, n, NOMINAL, limits.coverage),
            f"the {NOMINAL:.0%} band holds {hits} of {n} (within {limits.coverage:.0%}, less chance)",
        )
    )
    return GateReport(tuple(gates), n)


def coverage_is_plausible(hits: int, n: int, nominal: float, tolerance: float) -> bool:
    """Whether `hits` of `n` could come, with 5 % chance or more, from a coverage within `tolerance` of `nominal`."""
    lowest, highest = max(0.0, nominal - tolerance), min(1.0, nominal + tolerance)
    too_few = float(bdtr(hits, n, lowest)) < 0.05
    too_many = hits > 0 and float(bdtrc(hits - 1, n, highest)) < 0.05
    return not too_few and not too_many


def kendall_tau(predicted: Floats, measured: Floats, error: Floats) -> tuple[float, int]:
    """Kendall's tau over the pairs that the measurement itself can order, and how many those are.

    Pairs closer than two standard errors of their difference are left out: their order is a coin toss.
    """
    first, second = np.triu_indices(len(measured), 1)
    gap = measured[first] - measured[second]
    noise = np.hypot(error[first] * measured[first], error[second] * measured[second])
    told = np.abs(gap) > 2 * noise
    if not told.any():
        return float("nan"), 0
    agree = np.sign(gap) * np.sign(predicted[first] - predicted[second])
    return float(agree[told].mean()), int(told.sum())


def _rank_gate(name: str, predicted: Floats, measured: Floats, error: Floats, limit: float, which: str) -> Gate:
    tau, pairs = kendall_tau(predicted, measured, error)
    if pairs < ENOUGH_PAIRS:
        return Gate(name, None, limit, None, f"Kendall's tau, {which}: {pairs} pairs are too few to tell")
    return Gate(
        name, tau, limit, tau >= limit, f"Kendall's tau, {which}: {tau:.3f} over {pairs} pairs (at least {limit})"
    )


@dataclass(frozen=True, slots=True)
class Quad:
    """Four plans that show whether two knobs interact.

    Args:
        first, second: the knobs.
        neither, one, other, both: plans with these knobs dense or sparsest, everything else dense.
    """

    first: str
    second: str
    neither: Plan
    one: Plan
    other: Plan
    both: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The four, dense first."""
        return self.neither, self.one, self.other, self.both


def additivity_quads(space: Space, pairs: int = 6, seed: int = 0) -> list[Quad]:
    """Random pairs of knobs that no order ties together, and the four plans that test each."""
    groups = [set(group) for group in space.ordered]
    choices = [
        (a, b)
        for a, b in itertools.combinations(range(len(space.knobs)), 2)
        if not any({space.knobs[a].name, space.knobs[b].name} <= group for group in groups)
    ]
    chosen = random.Random(seed).sample(choices, min(pairs, len(choices)))

    def turned(*slots: int) -> Plan:
        # later knobs of an ordered group follow, so repair is not needed and knobs of one group are turned together
        names = {space.knobs[slot].name for slot in slots}
        for group in space.ordered:
            for place, name in enumerate(group):
                if name in names:
                    names.update(group[place:])
        return space.canonical(space.at(tuple(len(k.values) - 1 if k.name in names else 0 for k in space.knobs)))

    return [
        Quad(space.knobs[a].name, space.knobs[b].name, turned(), turned(a), turned(b), turned(a, b)) for a, b in chosen
    ]


def interacting(
    quads: Sequence[Quad], ratio: Mapping[Plan, float], error: Mapping[Plan, float], least: float = 0.01
) -> list[tuple[str, str, float]]:
    """Pairs whose joint effect is not the sum of their single ones: (knob, knob, interaction / dense latency).

    interaction = y(both) - y(one) - y(other) + y(neither); it counts beyond three standard errors and `least`.

    Args:
        ratio: latency of each plan of the quads, any unit.
        error: standard error of each, same unit.
    """
    found = []
    for quad in quads:
        y = {plan: ratio[plan] for plan in quad.plans}
        interaction = y[quad.both] - y[quad.one] - y[quad.other] + y[quad.neither]
        noise = sum(error[plan] ** 2 for plan in quad.plans) ** 0.5
        if abs(interaction) > max(3 * noise, least * y[quad.neither]):
            found.append((quad.first, quad.second, interaction / y[quad.neither]))
    return found
