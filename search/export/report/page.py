"""The page around the pictures."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from search.export.report.charts import front_chart, latency_chart, plan_chart
from search.export.report.style import STYLE
from search.export.subject import Point, Subject, call, device_name, verdict

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report(subject: Subject) -> str:
    """The whole report as one HTML text: inline style and pictures, no script, no address."""
    title = f"{subject.target} within {subject.budget.max_ms:g} ms"
    notice = (
        "<p class='notice'>Simulated: these numbers are no statement about real hardware or a real model.</p>"
        if subject.simulated
        else ""
    )
    sections = [
        _section("Accuracy against latency", front_chart(subject), _front_table(subject)),
        _section("The chosen plan, per stage", plan_chart(subject)),
        _section("Latency", latency_chart(subject), _latency_table(subject)),
        _section("Accuracy", _accuracy_table(subject)),
        _section("What was run", _facts_table(subject)),
    ]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} - SparSearch</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{notice}<p class='verdict'>{escape(verdict(subject))}</p>"
        f"{''.join(sections)}<footer>Search {escape(subject.search)}, {escape(subject.created)}. "
        "Numbers hold for this device and this setting only; see manifest.json.</footer></main></body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]], marked: int = -1) -> str:
    """An HTML table with escaped cells; row number `marked` stands out."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=marked' if i == marked else ''}>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>"
        for i, row in enumerate(rows)
    )
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _front_table(subject: Subject) -> str:
    metrics = list(subject.chosen.metrics)
    names = list(subject.space.names)
    head = [*names, "ms", "95 % interval", "how", *map(call, metrics)]
    rows = [
        [
            *(_show(point.plan.get(name, 0)) for name in names),
            *_timing(point),
            *(_show(point.metrics.get(m)) for m in metrics),
        ]
        for point in subject.front
    ]
    marked = next((i for i, point in enumerate(subject.front) if point.plan == subject.chosen.plan), -1)
    return table(head, rows, marked)


def _timing(point: Point) -> list[str]:
    timing = point.timing
    how = "measured" if timing.measured else "predicted"
    return [f"{timing.median_ms:.3f}", f"{timing.low_ms:.3f} to {timing.high_ms:.3f}", how]


def _latency_table(subject: Subject) -> str:
    rows = []
    for name, point in (("floor", subject.floor), ("chosen", subject.chosen), ("dense", subject.dense)):
        timing = point.timing
        ratio = timing.median_ms / subject.dense.timing.median_ms
        tails = [_show(timing.p90_ms), _show(timing.p99_ms), _show(timing.upper_ms)]
        rows.append([name, *_timing(point), *tails, f"{ratio:.3f}", len(timing.samples_ms), "; ".join(timing.flags)])
    head = ["plan", "median ms", "95 % interval", "how", "p90", "p99", "upper bound", "of dense", "samples", "flags"]
    return table(head, rows, 1)


def _accuracy_table(subject: Subject) -> str:
    rows: list[list[object]] = []
    for name, point in (("dense", subject.dense), ("chosen", subject.chosen)):
        for metric, value in point.metrics.items():
            rows.append([name, call(metric), f"{value:.2f}", point.images, "search"])
    for name, check in (("dense", subject.confirmed_dense), ("chosen", subject.confirmed)):
        for metric, value in check.metrics.items() if check else ():
            assert check is not None
            rows.append([name, call(metric), f"{value:.2f}", check.images, f"{check.split} (never used by the search)"])
    return table(["plan", "metric", "value", "images", "split"], rows)


def _facts_table(subject: Subject) -> str:
    facts: list[tuple[str, Any]] = [
        ("target", subject.target),
        ("config", subject.config or "none (synthetic target)"),
        ("checkpoint", subject.checkpoint or "none (synthetic target)"),
        ("device", device_name(subject)),
        ("budget", f"{subject.budget.max_ms:g} ms on the {subject.budget.statistic}"),
        *((f"setting: {key}", value) for key, value in subject.setting.items()),
        *((key, subject.job[key]) for key in ("sampler", "seed", "evaluations", "workers") if key in subject.job),
        ("plans in the space", f"{len(subject.space):,}"),
        ("plans measured / evaluated", f"{subject.measured} / {subject.evaluated}"),
    ]
    return table(["what", "value"], facts)


def _show(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
