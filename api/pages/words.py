"""What the pages say in words: states, numbers, verdicts, health."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from api.schemas.search import Latency, Progress, Search
from search.export.subject import call
from search.lifecycle import POSSIBLE

STATES: Mapping[str, str] = {
    "queued": "Queued",
    "preparing": "Preparing",
    "running": "Running",
    "paused": "Paused",
    "cancelling": "Cancelling",
    "succeeded": "Succeeded",
    "stopped": "Stopped",
    "cancelled": "Cancelled",
    "infeasible": "Infeasible",
    "failed": "Failed",
}
PHASES: Mapping[str, str] = {
    "measure": "Measuring latency",
    "evaluate": "Evaluating plans",
    "verify": "Verifying the best plans by measurement",
    "confirm": "Confirming the accuracy on unseen images",
}
DASH = "-"
ACTIVE = ("queued", "preparing", "running", "cancelling")
"""The states in which something is going on, or about to."""


def state_word(state: str) -> str:
    """A state as a word."""
    return STATES.get(state, state)


def number(value: float | None) -> str:
    """A number as short as it can be said."""
    return DASH if value is None else f"{value:.6g}"


def fixed(value: float | None, digits: int) -> str:
    """A number with so many digits after the point."""
    return DASH if value is None else f"{value:.{digits}f}"


def when(stamp: str) -> str:
    """A time for those whose browser does not show local ones."""
    return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M} UTC"


def plan_words(plan: Mapping[str, Any] | None) -> str:
    """A plan in one line; its knobs carry the values."""
    return DASH if plan is None else ", ".join(f"{name} {json.dumps(value)}" for name, value in plan.items())


def queue_words(ahead: int) -> str:
    """A place in the queue."""
    return "next in the queue" if ahead == 0 else f"{ahead} ahead in the queue"


def progress_words(progress: Progress | None) -> str:
    """What is being done, and how far it is."""
    if progress is None:
        return "Getting ready"
    words = PHASES.get(progress.phase, progress.phase.capitalize())
    return f"{words}: {progress.done} of {progress.total}"


def eta_words(progress: Progress | None) -> str:
    """How long this step will take."""
    if progress is None or progress.eta_s is None or progress.done >= progress.total:
        return ""
    return f"about {duration(progress.eta_s)} left in this step"


def duration(seconds: float) -> str:
    """A span of time in one or two units."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def interval(latency: Latency) -> str:
    """The 95 % interval of a latency."""
    if latency.low_ms is None or latency.high_ms is None:
        return "too few samples for an interval"
    return f"95 % interval {latency.low_ms:.2f} to {latency.high_ms:.2f}"


def accuracy(search: Search, metrics: Mapping[str, float] | None) -> float | None:
    """The metric that the search maximises."""
    return None if metrics is None else metrics.get(search.metric)


def verdict_sentence(search: Search) -> str:
    """The answer in a sentence; before there is one, what the search is doing."""
    answer = search.answer
    if answer is not None and answer.plan is not None:
        return answer.verdict or search.message
    budget = f"{number(search.request.max_ms)} ms"
    sentences = {
        "queued": f"Waiting for its turn to look for the best plan within {budget}.",
        "preparing": "Opening the target and its data.",
        "running": f"Looking for the most accurate plan within {budget}.",
        "paused": "Paused. Nothing that was finished is lost; resume it to go on.",
        "cancelling": "Ending the running work.",
        "cancelled": "Cancelled before it had an answer. Resume it to go on where it was.",
        "infeasible": f"No plan was found within {budget}.",
        "failed": "The search failed.",
    }
    return search.message or sentences.get(search.state, "")


def headline(search: Search) -> str:
    """The answer for those who read nothing else; empty before there is one."""
    answer = search.answer
    if answer is None or answer.plan is None or answer.latency is None:
        return ""
    value, full = accuracy(search, answer.confirmed), accuracy(search, answer.dense_confirmed)
    if value is None:
        value, full = accuracy(search, answer.metrics), accuracy(search, answer.dense_metrics)
    words = f"{fixed(value, 1)} {call(search.metric)} at {answer.latency.ms:.1f} ms"
    if search.dense is None:
        return f"{words}."
    saved = round(100 * (1 - answer.latency.ms / search.dense.ms))
    if answer.dense_fits or saved <= 0:
        return f"{words}: the dense plan is fast enough by itself."
    lost = "" if value is None or full is None else f", for {max(full - value, 0):.1f} {call(search.metric)}"
    return f"{words}: {saved} % faster than dense{lost}."


def in_one_line(search: Search) -> str:
    """The answer on one line of the list."""
    answer = search.answer
    if answer is not None and answer.plan is not None and answer.latency is not None:
        value = accuracy(search, answer.confirmed) or accuracy(search, answer.metrics)
        words = f"{fixed(value, 1)} {call(search.metric)} at {answer.latency.ms:.1f} ms"
        saved = 0 if search.dense is None else round(100 * (1 - answer.latency.ms / search.dense.ms))
        return f"{words}, {saved} % faster than dense" if saved > 0 else words
    if search.state == "infeasible" and search.floor is not None:
        return f"Out of reach: the sparsest plan takes {search.floor.ms:.1f} ms"
    if search.state in ACTIVE and search.progress is not None:
        return progress_words(search.progress)
    return verdict_sentence(search)


def tiles(search: Search) -> list[dict[str, str]]:
    """The numbers below the verdict: name, value, unit, a line under it."""
    answer, dense, floor = search.answer, search.dense, search.floor
    shown = []
    if answer is not None and answer.latency is not None:
        shown.append(_tile("Latency", f"{answer.latency.ms:.2f}", "ms", interval(answer.latency)))
        shown.append(_accuracy_tile(search))
        if dense is not None:
            saved = 100 * (1 - answer.latency.ms / dense.ms)
            shown.append(_tile("Saved", f"{saved:.0f}", "%", f"dense takes {dense.ms:.2f} ms"))
    else:
        if floor is not None:
            shown.append(_tile("Sparsest plan", f"{floor.ms:.2f}", "ms", interval(floor)))
        if dense is not None:
            shown.append(_tile("Dense plan", f"{dense.ms:.2f}", "ms", interval(dense)))
    request = search.request
    window = "" if request.min_ms is None else f"and not below {number(request.min_ms)} ms, "
    shown.append(_tile("Budget", number(request.max_ms), "ms", f"{window}on the {request.stat}"))
    counts = search.trials
    extra = [f"{counts.reused} from the archive"] if counts.reused else []
    extra += [f"{counts.failed} failed"] if counts.failed else []
    shown.append(_tile("Trials", str(counts.done), "", ", ".join(extra) or "accuracy evaluations"))
    return shown


def _accuracy_tile(search: Search) -> dict[str, str]:
    answer = search.answer
    assert answer is not None
    value, dense = accuracy(search, answer.confirmed), accuracy(search, answer.dense_confirmed)
    where = "on unseen images"
    if value is None:
        value, dense, where = (
            accuracy(search, answer.metrics),
            accuracy(search, answer.dense_metrics),
            "on search images",
        )
    under = where if value is None or dense is None else f"{value - dense:+.2f} against dense, {where}"
    return _tile("Accuracy", fixed(value, 2), call(search.metric), under)


def _tile(name: str, value: str, unit: str, under: str) -> dict[str, str]:
    return {"name": name, "value": value, "unit": unit, "under": under}


def actions(state: str) -> Sequence[str]:
    """What may be done with a search, mildest first."""
    return [action for action in ("resume", "pause", "stop", "cancel", "delete") if state in POSSIBLE[action]]


def facts(search: Search) -> list[tuple[str, str]]:
    """The request and the device, one line each."""
    request = search.request
    setting, effort = request.setting, request.effort
    least = "" if request.min_ms is None else f"{number(request.min_ms)} to "
    effort_words = [f"{effort.evaluations} evaluations", f"{effort.workers} worker{'s' if effort.workers > 1 else ''}"]
    effort_words += [] if effort.images is None else [f"{effort.images} images each"]
    effort_words += [] if effort.seconds is None else [f"at most {duration(effort.seconds)}"]
    return [
        ("Target", request.target),
        ("Budget", f"{least}{number(request.max_ms)} ms on the {request.stat}"),
        ("Device", search.device.name if search.device else setting.device),
        ("Device key", search.device.key if search.device else DASH),
        ("Timed", setting_words(search)),
        ("Sampler", f"{request.sampler}, seed {request.seed}"),
        ("Effort", ", ".join(effort_words)),
        ("Created", when(search.created_at)),
        ("Runner starts", str(search.attempts)),
    ]


def setting_words(search: Search) -> str:
    """What was timed, in one line."""
    setting = search.request.setting
    height, width = setting.img_size
    threads = "" if setting.threads is None else f", {setting.threads} threads"
    return f"{setting.scope}, batch {setting.batch}, {height} x {width}, {setting.dtype}, {setting.runtime}{threads}"


def comparison(search: Search) -> dict[str, str]:
    """A line of the table of answers."""
    answer, dense = search.answer, search.dense
    latency = None if answer is None else answer.latency
    value = None if answer is None else accuracy(search, answer.confirmed) or accuracy(search, answer.metrics)
    full = (
        None if answer is None else accuracy(search, answer.dense_confirmed) or accuracy(search, answer.dense_metrics)
    )
    return {
        "device": search.device.name if search.device else search.request.setting.device,
        "setting": setting_words(search),
        "latency": DASH if latency is None else f"{latency.ms:.2f} ms",
        "ratio": DASH if latency is None or dense is None else f"{100 * latency.ms / dense.ms:.0f} %",
        "metric": DASH if value is None else f"{value:.2f} {call(search.metric)}",
        "loss": DASH if value is None or full is None else f"{full - value:.2f}",
        "plan": plan_words(None if answer is None else answer.plan),
    }
