"""Where the bundle of a plan is: below the home, made by the search itself or on demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.files import OpenFile
from api.problems import Problem
from api.shared import Shared
from api.views.points import point_id
from models.plan import Plan
from search.export.bundle import MANIFEST
from search.home import Home
from search.store.rows import SearchRow


@dataclass(frozen=True, slots=True)
class Place:
    """A bundle below the home.

    Args:
        root: folder of all bundles.
        name: its folder; the zip is called the same.
    """

    root: Path
    name: str

    def file(self, name: str) -> OpenFile:
        """A file of its folder, open.

        Raises:
            FileNotFoundError: it has none of this name.
        """
        return OpenFile(self.root, self.name, name)

    def zip(self) -> OpenFile:
        """The bundle packed, open.

        Raises:
            FileNotFoundError: it is gone.
        """
        return OpenFile(self.root, f"{self.name}.zip")


async def place_of(shared: Shared, row: SearchRow, plan: Plan) -> Place:
    """The bundle of a plan; made when it is not there.

    Raises:
        Problem: 409 not-exportable, 503 not-ready (it takes longer).
    """
    found = there(shared.service.dispatcher.home, shared.store.exports(row.id), point_id(plan))
    if found is None:
        made = await shared.exporter.bundle(row.id, plan, shared.service.stopping)
        found = there(shared.service.dispatcher.home, [made], point_id(plan))
    if found is None:
        raise Problem("not-exportable", 409, "the bundle was made and is gone again; ask once more")
    return found


def there(home: Home, exports: "list[Mapping[str, Any]]", point: str) -> Place | None:
    """The newest whole bundle of a point below the home; None: there is none.

    Args:
        home: the state home.
        exports: data of the search's `export` events, oldest first.
        point: id of the plan.
    """
    for export in reversed(exports):
        if point_id(export["plan"]) != point:
            continue
        # a search from the command line may have written elsewhere: only a name below the home counts
        place = Place(home.bundles, Path(export["path"]).name)
        if Path(export["path"]).parent.resolve() != home.bundles.resolve():
            continue
        try:
            place.file(MANIFEST).close()
            place.zip().close()
        except FileNotFoundError:
            continue
        return place
    return None


def plan_of(row: SearchRow, point: str) -> Plan:
    """The plan of a point that can be exported: on the front of the answer, or one of its ends.

    Raises:
        Problem: 409 not-exportable, there is no answer yet; 404, no such point.
    """
    answer = row.answer
    if answer is None:
        detail = f"search {row.id} is {row.state} and has no answer yet; its front can be exported when it has ended"
        raise Problem("not-exportable", 409, detail, state=row.state)
    plans = [one.plan for one in answer.front] + [answer.dense.plan, answer.floor.plan]
    if answer.plan is not None:
        plans.append(answer.plan)
    for plan in plans:
        if point_id(plan) == point:
            return plan
    detail = f"search {row.id} has no point {point[:40]!r} on its front; GET /v1/searches/{row.id}/front lists them"
    raise Problem("not-found", 404, detail)
