"""Health cards: what went well, what is still to come and what should make a reader doubt, in plain words."""

from dataclasses import dataclass
from typing import Literal

from api.schemas.search import Condition, Search
from latency.flags import explain
from search.records import TERMINAL

Kind = Literal["good", "warn", "bad", "open"]
_WORDS = {"good": "fine", "warn": "look at this", "bad": "a problem", "open": "not yet"}


@dataclass(frozen=True, slots=True)
class Card:
    """One card.

    Args:
        title: what it is about.
        kind: how it is.
        text: a sentence.
    """

    title: str
    kind: Kind
    text: str

    @property
    def word(self) -> str:
        """The kind, for those who do not see the sign."""
        return _WORDS[self.kind]


def health(search: Search) -> list[Card]:
    """The cards of a search, in the order of its steps."""
    conditions = {condition.type: condition for condition in search.conditions}
    ended = search.state in TERMINAL
    cards = [_reach(search), _model(conditions.get("ModelReady"), ended), _trials(search)]
    cards.append(_step("Verified", conditions.get("Verified"), ended, "The best plans are measured again at the end."))
    cards.append(_export(conditions.get("Exported"), ended))
    lost = conditions.get("ExecutorLost")
    if lost is not None and lost.status:
        cards.append(
            Card("Workers", "bad", _sentence(lost.message or "the workers are gone; trials wait until they are back"))
        )
    if doubts := _doubts(search):
        cards.append(Card("Doubtful measurements", "warn", doubts))
    known = {"FloorMeasured", "ModelReady", "Verified", "Exported", "ExecutorLost"}
    cards += [
        Card(_spaced(one.type), "good" if one.status else "warn", _sentence(one.message or one.reason))
        for one in search.conditions
        if one.type not in known
    ]
    return cards


def _reach(search: Search) -> Card:
    floor, dense, budget = search.floor, search.dense, search.request.max_ms
    if floor is None or dense is None:
        return Card("Budget", "open", "The sparsest and the dense plan are measured first, to see what can be reached.")
    ends = f"The sparsest plan takes {floor.ms:.1f} ms, the dense one {dense.ms:.1f} ms."
    if search.state == "infeasible":
        return Card("Budget out of reach", "bad", ends)
    if search.answer is not None and search.answer.dense_fits:
        return Card("Dense fits by itself", "warn", f"{ends} {budget:g} ms needs no sparsity.")
    if floor.high_ms is not None and floor.high_ms > budget:
        return Card("Budget at the edge", "warn", f"{ends} {budget:g} ms leaves next to no choice.")
    return Card("Budget within reach", "good", ends)


def _model(condition: Condition | None, ended: bool) -> Card:
    if condition is None:
        if ended:
            return Card("Latency model", "open", "None was needed.")
        return Card("Latency model", "open", "It is fitted to a few dozen measured plans, and forecasts all others.")
    kind: Kind = "good" if condition.status else "warn"
    return Card("Latency model", kind, _sentence(condition.message or condition.reason))


def _trials(search: Search) -> Card:
    counts = search.trials
    if counts.failed:
        share = counts.failed / max(counts.done + counts.failed, 1)
        text = (
            f"{counts.failed} of {counts.done + counts.failed} failed ({share:.0%}); the table below names the causes."
        )
        return Card("Trials", "bad" if share > 0.5 else "warn", text)
    if not counts.done:
        return Card("Trials", "open", "None has finished yet.")
    reused = f", {counts.reused} of them from the archive" if counts.reused else ""
    running = f"; {counts.running} running" if counts.running else ""
    return Card("Trials", "good", f"{counts.done} finished{reused}{running}.")


def _step(title: str, condition: Condition | None, ended: bool, before: str) -> Card:
    if condition is None:
        return Card(title, "open", "The search ended without this step." if ended else before)
    return Card(title, "good" if condition.status else "warn", _sentence(condition.message or condition.reason))


def _export(condition: Condition | None, ended: bool) -> Card:
    if condition is not None and condition.status:  # its message names a folder of the server, which helps nobody here
        return Card("Exported", "good", "The bundle was read back and checked; it is ready to download.")
    return _step("Exported", condition, ended, "The bundle is written after that.")


def _doubts(search: Search) -> str:
    records = [search.floor, search.dense, search.answer.latency if search.answer else None]
    flags = dict.fromkeys(flag for record in records if record is not None for flag in record.flags)
    return " ".join(map(_sentence, explain(flags)))


def _sentence(words: str) -> str:
    words = words.strip().rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _spaced(name: str) -> str:
    """StopRequested -> Stop requested."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words.capitalize()
