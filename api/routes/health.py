"""Is it alive, is it ready, what is it, how is it doing."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from api.metrics import CONTENT_TYPE
from api.problems import PREFIX, TYPES, Problem, problems, retry_after
from api.state import ServiceDep
from api.version import API, version

router = APIRouter(tags=["service"])

_RETRY_S = 2


class Health(BaseModel):
    """The process answers."""

    status: str


class Version(BaseModel):
    """What runs."""

    name: str
    version: str
    api: str


class ProblemTypeBody(BaseModel):
    """One type of problem."""

    type: str
    title: str
    meaning: str


@router.get("/healthz")
async def healthz() -> Health:
    """The process is alive; says nothing about the database (see /readyz)."""
    return Health(status="alive")


@router.get("/readyz", responses=problems(503))
def readyz(service: ServiceDep) -> Health:
    """Searches can be taken and read: the database answers and the dispatcher runs."""
    if service.stopping.is_set() or service.dispatcher.problems():
        # what exactly is wrong may name files, and this path is public
        detail = "the service is starting, going down, or cannot use its database; its log says which"
        raise Problem("not-ready", 503, detail, headers=retry_after(_RETRY_S))
    return Health(status="ready")


@router.get("/version")
async def get_version() -> Version:
    """The version of SparSearch and of its API."""
    return Version(name="sparsearch", version=version(), api=API)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **problems(503)})
def metrics(service: ServiceDep) -> Response:
    """Metrics in the text format of Prometheus."""
    store = service.dispatcher.store
    page = service.metrics.page(store.counts(), _age_s(store.oldest_queued_at()), service.streams.open)
    return Response(page, media_type=CONTENT_TYPE)


@router.get(f"{PREFIX}{{slug}}", responses=problems(404))
async def problem_type(slug: str) -> ProblemTypeBody:
    """What a type of problem means, and what to do about it."""
    if slug not in TYPES:
        raise Problem("not-found", 404, f"there is no problem type {slug[:60]!r}; there are {', '.join(TYPES)}")
    return ProblemTypeBody(type=PREFIX + slug, title=TYPES[slug].title, meaning=TYPES[slug].meaning)


def _age_s(at: Any) -> float:
    return 0.0 if at is None else max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
