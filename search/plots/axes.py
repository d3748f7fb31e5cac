"""One drawing per plot, on the axes it is given. Every drawing copes with a search that has nothing to show yet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search.plots.style import ACCENT, BUDGET, DENSE, FAINT, FLOOR, INK, PAPER, ROLES, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Numbers = Mapping[str, Any]


def front(axes: "Axes", numbers: Numbers) -> None:
    """The front as a staircase with intervals; trials over the budget are faint."""
    inside = [one for one in numbers["trials"] if one["feasible"]]
    outside = [one for one in numbers["trials"] if not one["feasible"]]
    for trials, colour, label in ((outside, FAINT, "over the budget"), (inside, "#9dbfe4", "inside the budget")):
        if trials:
            across, up = [one["ms"] for one in trials], [one["metric"] for one in trials]
            axes.scatter(across, up, s=9, color=colour, linewidths=0, label=label, rasterized=len(trials) > 500)
    points = numbers["points"]
    if points:
        across, up = [one["ms"] for one in points], [one["metric"] for one in points]
        reach = [[one["ms"] - one["low_ms"] for one in points], [one["high_ms"] - one["ms"] for one in points]]
        axes.step(across, up, where="post", color=ACCENT, linewidth=1.2, alpha=0.6)
        axes.errorbar(across, up, xerr=reach, fmt="o", markersize=3.5, color=ACCENT, elinewidth=0.8, label="front")
    for name, colour in (("floor", FLOOR), ("dense", DENSE)):
        end = numbers[name]
        if end is not None and end["metric"] is not None:
            axes.plot(end["ms"], end["metric"], "D", color=colour, markersize=6, label=name)
    chosen = next((one for one in points if one["chosen"]), None)
    if chosen is not None:
        axes.plot(chosen["ms"], chosen["metric"], "o", color=ACCENT, markersize=9, mec=INK, label="chosen")
    for bound in ("min_ms", "max_ms"):
        if numbers["budget"][bound] is not None:
            axes.axvline(numbers["budget"][bound], color=BUDGET, linewidth=1, linestyle=(0, (5, 4)))
    _label(axes, "latency in ms (bars: 95 % interval)", numbers["metric_name"], bool(points))


def stages(axes: "Axes", numbers: Numbers) -> None:
    """One bar per knob of the chosen plan (else of the last one known): 0 dense, 1 sparsest."""
    plans = numbers["plans"]
    shown = next((one for one in plans if one["role"] == "chosen"), plans[-1] if plans else None)
    if shown is not None:
        names = [knob["name"] for knob in numbers["knobs"]]
        axes.barh(names, [1] * len(names), color="#f3f6f9", height=0.7)
        axes.barh(names, shown["share"], color=ACCENT, height=0.7)
        for place, (value, kept) in enumerate(zip(shown["values"], shown["kept"], strict=True)):
            words = f"{value}" if kept is None else f"{value} (keeps {kept})"
            axes.text(1.02, place, words, va="center", color=SOFT)
        axes.set_xlim(0, 1.25)
        axes.invert_yaxis()
    _label(axes, "share of the knob's range: 0 dense, 1 sparsest", "", False)


def latency(axes: "Axes", numbers: Numbers) -> None:
    """Empirical distribution functions; an outlier may not squeeze everything else."""
    series = numbers["series"]
    for one in reversed(series):
        across, up = [ms for ms, _ in one["ecdf"]], [100 * share for _, share in one["ecdf"]]
        main = one["role"] != "finalist"
        label = f"{one['role']} ({one['samples']})" if main else None
        axes.step(across, up, where="post", color=ROLES[one["role"]], linewidth=1.6 if main else 0.7, label=label)
    axes.axvline(numbers["budget"]["max_ms"], color=BUDGET, linewidth=1, linestyle=(0, (5, 4)))
    if series:
        ends = [numbers["budget"]["max_ms"], *(one["p99_ms"] for one in series), *(one["ecdf"][0][0] for one in series)]
        room = 0.04 * (max(ends) - min(ends)) or 1.0
        axes.set_xlim(min(ends) - room, max(ends) + room)
    _label(axes, "latency of one batch in ms, warm-up excluded", "forwards at most this slow, %", bool(series))


def progress(axes: "Axes", numbers: Numbers) -> None:
    """Every trial's accuracy, and the best one inside the budget so far."""
    steps = numbers["steps"]
    for feasible, colour, label in ((False, FAINT, "over the budget"), (True, "#9dbfe4", "inside the budget")):
        some = [one for one in steps if one["feasible"] is feasible]
        if some:
            across, up = [one["trial"] for one in some], [one["metric"] for one in some]
            axes.scatter(across, up, s=9, color=colour, linewidths=0, label=label, rasterized=len(some) > 500)
    best = [one for one in steps if one["best"] is not None]
    if best:
        across, up = [one["trial"] for one in best], [one["best"] for one in best]
        axes.step(across, up, where="post", color=ACCENT, linewidth=1.6, label="best inside the budget")
    _label(axes, "trial", numbers["metric_name"], bool(steps))


def workers(axes: "Axes", numbers: Numbers) -> None:
    """A bar per trial; failed ones are red."""
    bars = numbers["bars"]
    for failed, colour in ((False, ACCENT), (True, BUDGET)):
        for lane in range(numbers["lanes"]):
            spans = [
                (bar["start_s"], max(bar["end_s"] - bar["start_s"], 0.001))
                for bar in bars
                if bar["lane"] == lane and (bar["state"] == "failed") is failed
            ]
            if spans:
                axes.broken_barh(spans, (lane + 0.6, 0.8), color=colour, edgecolor=PAPER, linewidth=0.3)
    axes.set_yticks(range(1, numbers["lanes"] + 1))
    _label(axes, "seconds since the first trial", "lane", False)


def parallel(axes: "Axes", numbers: Numbers) -> None:
    """Each axis is scaled to its own range; plans inside the budget are blue, the chosen one is black."""
    from matplotlib.collections import LineCollection

    names, rows = [axis["name"] for axis in numbers["axes"]], numbers["rows"]
    if rows:
        columns = list(zip(*(row["values"] for row in rows), strict=True))
        tops = [
            len(axis["values"]) - 1 if axis["kind"] == "knob" else max(column)
            for axis, column in zip(numbers["axes"], columns, strict=True)
        ]
        lows = [
            0 if axis["kind"] == "knob" else min(column) for axis, column in zip(numbers["axes"], columns, strict=True)
        ]
        groups: dict[str, list[list[tuple[float, float]]]] = {FAINT: [], ACCENT: [], INK: []}
        for row in rows:
            colour = INK if row["chosen"] else ACCENT if row["feasible"] else FAINT
            line = [
                (float(place), (value - low) / ((top - low) or 1))
                for place, (value, low, top) in enumerate(zip(row["values"], lows, tops, strict=True))
            ]
            groups[colour].append(line)
        for colour, lines in groups.items():
            width, strength = (2.0, 1.0) if colour == INK else (0.7, 0.5)
            lot = LineCollection(lines, colors=colour, linewidths=width, alpha=strength, rasterized=len(lines) > 300)
            axes.add_collection(lot)
        axes.set_xlim(-0.2, len(names) - 0.8)
        axes.set_ylim(-0.04, 1.04)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    _label(axes, "", "share of the axis' range", False)


def _label(axes: "Axes", across: str, up: str, legend: bool) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if legend:
        axes.legend(loc="best", fontsize=7)
