"""Trials: the evaluations that a search asks for. Each is made once, found in the archive, or fails for good.

A plan that cannot be evaluated is no answer, and the search goes on without it. It is given up when most trials fail,
or the dense plan does: an answer is a comparison with that one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from models.plan import Plan
from search.attempts import Attempts
from search.errors import EvaluationError
from search.front import points
from search.journal import Journal
from search.outcomes import LEAST, checked, hopeless
from search.progress import Progress
from search.records import Evaluation, Failure, Job, Point
from search.rig import Rig
from search.steering import Steering


class Trials:
    """The trials of one search.

    Args:
        job: metric and budget; whether the archive's plans may be answers.
        rig: space and pool.
        journal: what has been done.
        steering: latency forecasts.
        archive: earlier evaluations of the search split, by plan; they answer an ask without work.
        stopping: whether no more trials shall be begun.
    """

    def __init__(
        self,
        job: Job,
        rig: Rig,
        journal: Journal,
        steering: Steering,
        archive: Mapping[Plan, Evaluation],
        stopping: Callable[[], bool],
    ) -> None:
        self._job = job
        self._rig = rig
        self._journal = journal
        self._steering = steering
        self._archive = {plan: one for plan, one in archive.items() if isinstance(checked(one, job.metric), Evaluation)}
        self._stopping = stopping
        self._attempts = Attempts(journal)
        self._order: list[Plan] = []
        self._numbers: dict[Plan, int] = {}
        self._judged = 0
        self._ended: list[Failure | None] = []
        self.evaluations: dict[Plan, Evaluation] = {}
        self.failures: dict[Plan, Failure] = {}
        self.reused = 0

    @property
    def known(self) -> Mapping[Plan, Evaluation]:
        """What may be the answer: evaluated by this search or, if the job says so, by an earlier one."""
        return {**(self._archive if self._job.archive else {}), **self.evaluations}

    @property
    def finished(self) -> int:
        """How many have ended, either way."""
        return len(self.evaluations) + len(self.failures)

    def points(self) -> list[Point]:
        """Every known plan on the accuracy-latency plane."""
        return points(self.known.values(), self._job.metric, self._steering, {}, self._job.budget)

    def have_ended(self, plans: Sequence[Plan]) -> int:
        """How many of some plans were evaluated or have failed."""
        return sum(plan in self.evaluations or plan in self.failures for plan in plans)

    def number(self, plans: Sequence[Plan]) -> list[int]:
        """The numbers of trials, given by first mention."""
        for plan in plans:
            if plan not in self._numbers:
                self._numbers[plan] = len(self._order)
                self._order.append(plan)
        return [self._numbers[plan] for plan in plans]

    def evaluate(self, plans: Sequence[Plan], progress: Progress | None = None) -> None:
        """Evaluate plans that have not been; returns early, with what was running finished, when `stopping`.

        Raises:
            EvaluationError: too many trials failed, or the dense plan did.
            TargetError: nothing can be evaluated.
        """
        missing = []
        fresh = [plan for plan in dict.fromkeys(plans) if not self.have_ended([plan])]
        self.number(fresh)
        for plan in fresh:
            found = self._journal.find(_key(plan))
            if found is None and plan in self._archive:
                found = self._record(self._archive[plan], "archive")
            if found is None:
                missing.append(plan)
            else:
                self._keep(plan, found, progress)
        if missing:
            for outcome in self._rig.pool().evaluate(self._until_stopped(missing), attempts=self._attempts):
                self._keep(outcome.plan, self._record(checked(outcome, self._job.metric), "new"), progress)
        # the order of asking, not of finishing
        evaluated = [plan for plan in fresh if plan in self.evaluations]
        self.evaluations = {**self.evaluations, **{plan: self.evaluations.pop(plan) for plan in evaluated}}

    def confirm(self, plans: Sequence[Plan]) -> dict[Plan, Evaluation]:
        """Evaluate plans on images that the search does not use.

        Raises:
            EvaluationError: one of them could not be evaluated; there is no answer without.
        """
        found = {}
        for one in self._rig.pool().evaluate(plans, "confirm", self._attempts):
            outcome = checked(one, self._job.metric)
            if isinstance(outcome, Failure):
                raise EvaluationError(
                    f"{{{outcome.plan}}} could not be confirmed on images that the search did not use: "
                    f"{outcome.cause}, {outcome.reason}"
                )
            found[outcome.plan] = outcome
        return found

    def need_dense(self) -> None:
        """Give the search up if the dense plan failed.

        Raises:
            EvaluationError: it did.
        """
        failure = self.failures.get(self._rig.space.canonical(self._rig.space.dense))
        if failure is not None:
            raise EvaluationError(
                f"the dense plan could not be evaluated, so nothing can be compared with it: {failure.cause}, "
                f"{failure.reason}"
            )

    def _until_stopped(self, plans: Sequence[Plan]) -> Iterator[Plan]:
        for plan in plans:
            if self._stopping():
                return
            yield plan

    def _record(self, outcome: Evaluation | Failure, origin: str) -> Mapping[str, Any]:
        plan, number = outcome.plan, self._numbers[outcome.plan]
        if isinstance(outcome, Failure):
            return self._journal.record("failure", _key(plan), {"number": number, **outcome.to_dict()})
        data = {
            "number": number,
            "evaluation": outcome.to_dict(),
            "metric": outcome.metrics[self._job.metric],
            "latency_ms": self._steering.latency([plan])[0],
            "excess": self._steering.excess([plan])[0],
            "origin": origin,
            "attempts": self._attempts.used(plan, "search") if origin == "new" else 0,
        }
        return self._journal.record("evaluation", _key(plan), data)

    def _keep(self, plan: Plan, data: Mapping[str, Any], progress: Progress | None) -> None:
        if "cause" in data:
            self.failures[plan] = Failure.from_dict(data)
        else:
            self.evaluations[plan] = Evaluation.from_dict(data["evaluation"])
            self.reused += data["origin"] == "archive"
        if progress:
            progress.at(self.finished)
        self._judge()

    def _judge(self) -> None:
        """Trials count in the order of asking, so that a search is given up at the same one with any workers."""
        while self._judged < len(self._order) and self.have_ended([plan := self._order[self._judged]]):
            self._judged += 1
            if plan in self._archive and plan in self.evaluations:
                continue  # nothing was tried
            self._ended.append(self.failures.get(plan))
            if (why := hopeless(self._ended)) is not None:
                raise EvaluationError(why)
            if len(self._ended) >= LEAST:
                self.need_dense()


def _key(plan: Plan) -> str:
    return "evaluate:" + ", ".join(f"{name}={value}" for name, value in sorted(plan.items()))
