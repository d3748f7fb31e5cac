"""How a search ends: the `end` event, and the sentences people read in it."""

from collections.abc import Mapping

from latency.record import Measurement
from models.plan import Plan
from search.answer import Answer
from search.records import Event, Job
from search.verify import Verdict


def end(state: str, message: str, answer: Answer | None) -> Event:
    """The last event of a search."""
    return Event("end", {"state": state, "message": message, "answer": None if answer is None else answer.to_dict()})


def found(job: Job, answer: Answer, stopped: bool) -> str:
    """What was found, and how sure it is."""
    assert answer.plan and answer.decision and answer.metrics and answer.confirmed
    simulated = "SIMULATED: " if answer.simulated else ""
    stop = f"stopped after {answer.evaluated} of {job.evaluations} evaluations: " if stopped else ""
    decision = answer.decision
    return (
        f"{simulated}{stop}{answer.plan} takes {decision['estimate_ms']:.4g} ms, at most {decision['upper_ms']:.4g} ms "
        f"with a risk of {job.alpha:g}, within {job.budget}; {job.metric} {answer.metrics[job.metric]:.2f}, "
        f"{answer.confirmed[job.metric]:.2f} on images that the search did not use"
    )


def nothing_passed(job: Job, verdict: Verdict, stopped: bool) -> str:
    """Why there is no answer."""
    if stopped:
        return (
            f"stopped before a plan was shown to meet {job.budget}: {verdict.tried} candidates were measured; "
            f"start a new search, which finds the evaluations made so far in the archive"
        )
    return (
        f"no plan was shown to meet {job.budget}: {verdict.tried} candidates were measured and none is below it "
        f"with a risk of {job.alpha:g}; allow a little more time, or more finalists"
    )


def nearest(job: Job, measured: Mapping[Plan, Measurement]) -> Plan:
    """The measured plan that comes nearest to the budget."""

    def excess(plan: Plan) -> float:
        low, high = measured[plan].interval_ms
        return job.budget.excess(high, low)

    return min(measured, key=excess)
