"""The three pictures of a report: the front, the plan, the latencies."""

from collections.abc import Sequence

from search.export.report.svg import Axis, element, frame, picture, text, titled
from search.export.subject import Point, Subject, call

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 700.0, 16.0, 312.0


def front_chart(subject: Subject) -> str:
    """Accuracy against latency: the front with error bars, the dense and the chosen plan, the budget."""
    metric = subject.metric
    points = [point for point in (*subject.front, subject.chosen, subject.dense) if metric in point.metrics]
    ends = [ms for point in points for ms in (point.timing.low_ms, point.timing.high_ms)]
    budgets = [ms for ms in (subject.budget.min_ms, subject.budget.max_ms) if ms is not None]
    x = Axis.over([*ends, *budgets], _LEFT, _RIGHT)
    y = Axis.over([point.metrics[metric] for point in points], _BOTTOM, _TOP)
    parts = [frame(x, y, "latency in ms (bars: 95 % interval)", call(metric))]
    for budget in budgets:
        line = element("line", class_="budget", x1=x.at(budget), x2=x.at(budget), y1=_BOTTOM, y2=_TOP)
        label = text(x.at(budget) - 4, _TOP + 10, f"{budget:g} ms", "end", class_="budget-label")
        parts.append(titled(f"budget: {budget:g} ms", line, label))
    front = [point for point in subject.front if metric in point.metrics]
    corners = _staircase([(x.at(p.timing.median_ms), y.at(p.metrics[metric])) for p in front])
    parts.append(element("polyline", class_="front", points=corners))
    parts += [_mark(point, "front-point", x, y, metric) for point in front]
    if metric in subject.dense.metrics:
        parts.append(_mark(subject.dense, "dense", x, y, metric, "dense"))
    if metric in subject.chosen.metrics:
        parts.append(_mark(subject.chosen, "chosen", x, y, metric, "chosen"))
    return picture(_WIDTH, _HEIGHT, f"{call(metric)} against latency of {len(front)} plans on the front", *parts)


def plan_chart(subject: Subject) -> str:
    """One bar per knob: how far from dense (empty) to sparsest (full) the chosen plan sets it."""
    row, bar_left, bar_right = 26, 110.0, 560.0
    parts = []
    positions = subject.space.indices(subject.chosen.plan)
    for i, (knob, position) in enumerate(zip(subject.space.knobs, positions, strict=True)):
        top = float(8 + i * row)
        share = position / max(len(knob.values) - 1, 1)
        value = subject.chosen.plan[knob.name]
        words = f"{value:g}" if isinstance(value, int | float) else str(value)
        if knob.counts is not None:
            words += f" (keeps {knob.counts[position]} of {knob.counts[0]})"
        parts.append(text(bar_left - 10, top + 14, knob.name, "end", class_="tick"))
        parts.append(element("rect", class_="bar-back", x=bar_left, y=top, width=bar_right - bar_left, height=18))
        parts.append(element("rect", class_="bar", x=bar_left, y=top, width=share * (bar_right - bar_left), height=18))
        parts.append(text(bar_right + 10, top + 14, words, class_="tick"))
    height = 8 + row * len(positions)
    return picture(_WIDTH, height, f"sparsity of each knob: {subject.chosen.plan}", *parts)


def latency_chart(subject: Subject) -> str:
    """Empirical distribution functions of the samples of the floor, the chosen and the dense plan."""
    measured = [
        (name, point.timing.samples_ms)
        for name, point in (("floor", subject.floor), ("chosen", subject.chosen), ("dense", subject.dense))
        if point.timing.samples_ms
    ]
    if not measured:
        return ""
    # one outlier must not squeeze everything else: the axis ends at the 99th percentile
    shown = [_quantile(samples, q) for _, samples in measured for q in (0.0, 0.99)]
    x = Axis.over([*shown, subject.budget.max_ms], _LEFT, _RIGHT)
    y = Axis(0, 100, _BOTTOM, _TOP)
    budget = x.at(subject.budget.max_ms)
    parts = [frame(x, y, "latency of one batch in ms", "samples at most this slow, %")]
    parts.append(element("line", class_="budget", x1=budget, x2=budget, y1=_BOTTOM, y2=_TOP))
    for name, samples in measured:
        shown_ms = _thin(sorted(samples))
        count = len(shown_ms)
        steps = [(min(x.at(ms), _RIGHT), y.at(100 * (i + 1) / count)) for i, ms in enumerate(shown_ms)]
        line = element("polyline", class_=f"ecdf {name}-line", points=_points([(steps[0][0], _BOTTOM), *steps]))
        middle = steps[count // 2][0]
        label = text(middle + 6, y.at(50), name, class_=f"{name}-label")
        parts.append(titled(f"{name}: {len(samples)} samples", line, label))
    return picture(_WIDTH, _HEIGHT, "distribution of the latency samples", *parts)


def _mark(point: Point, kind: str, x: Axis, y: Axis, metric: str, label: str = "") -> str:
    timing = point.timing
    across, down = x.at(timing.median_ms), y.at(point.metrics[metric])
    low, high = x.at(timing.low_ms), x.at(timing.high_ms)
    parts = [element("line", class_=f"whisker {kind}", x1=low, x2=high, y1=down, y2=down)]
    parts += [
        element("line", class_=f"whisker {kind}", x1=end, x2=end, y1=down - 4, y2=down + 4) for end in (low, high)
    ]
    how = "measured" if timing.measured else "predicted"
    parts.append(element("circle", class_=f"{kind} {how}", cx=across, cy=down, r=6 if label else 4))
    if label:
        parts.append(text(across, down - 11, label, "middle", class_="point-label"))
    words = f"{point.plan}: {point.metrics[metric]:.2f} {call(metric)}, {timing.median_ms:.3f} ms ({how})"
    return titled(words, *parts)


def _staircase(corners: Sequence[tuple[float, float]]) -> str:
    """A front is a staircase: between two plans the faster one is what you have."""
    path: list[tuple[float, float]] = []
    for across, down in sorted(corners):
        if path:
            path.append((across, path[-1][1]))
        path.append((across, down))
    return _points(path)


def _points(pixels: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in pixels)


def _thin(ordered: Sequence[float], most: int = 400) -> list[float]:
    step = max(len(ordered) // most, 1)
    return list(ordered[step - 1 :: step])


def _quantile(samples: Sequence[float], share: float) -> float:
    ordered = sorted(samples)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
