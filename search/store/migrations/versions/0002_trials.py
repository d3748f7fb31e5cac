"""Names and labels of searches, trials as rows, idempotency keys, checkpoints; the archive outlives its searches.

Trials are filled in from the events. Running ones get their row when they end: older events do not number them.
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from search.errors import StoreError

revision = "0002"
down_revision = "0001"

_PACKET = 500
"""Events read and trials written at once."""


def upgrade() -> None:
    op.add_column("searches", sa.Column("name", sa.Text, nullable=False, server_default=""))
    op.add_column("searches", sa.Column("labels", sa.Text, nullable=False, server_default="{}"))
    op.create_index("ix_searches_created_at_id", "searches", ["created_at", "id"])
    op.create_index("ix_searches_state_created_at_id", "searches", ["state", "created_at", "id"])
    op.create_index("ix_searches_target_created_at_id", "searches", ["target", "created_at", "id"])
    op.create_index("ix_events_search_id_kind_seq", "events", ["search_id", "kind", "seq"])
    for table in ("evaluations", "latency_models"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_search_id", type_="foreignkey")
            batch.alter_column("search_id", existing_type=sa.String(40), nullable=True)
            batch.create_foreign_key(f"fk_{table}_search_id", "searches", ["search_id"], ["id"], ondelete="SET NULL")
        op.create_index(f"ix_{table}_search_id", table, ["search_id"])
    op.create_table(
        "trials",
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("plan_key", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("metric", sa.Float),
        sa.Column("metrics", sa.Text),
        sa.Column("latency_ms", sa.Float),
        sa.Column("low_ms", sa.Float),
        sa.Column("high_ms", sa.Float),
        sa.Column("within", sa.Float),
        sa.Column("excess", sa.Float),
        sa.Column("feasible", sa.Boolean),
        sa.Column("origin", sa.String(16)),
        sa.Column("images", sa.Integer),
        sa.Column("seconds", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cause", sa.String(16)),
        sa.Column("error", sa.Text),
        sa.Column("asked_at", sa.String(32), nullable=False),
        sa.Column("ended_at", sa.String(32)),
    )
    _fill()
    op.create_index("ix_trials_search_id_state_number", "trials", ["search_id", "state", "number"])
    op.create_index("ix_trials_search_id_state_origin", "trials", ["search_id", "state", "origin"])
    op.create_index("ix_trials_search_id_feasible_number", "trials", ["search_id", "feasible", "number"])
    op.create_index("ix_trials_search_id_feasible_metric", "trials", ["search_id", "feasible", "metric"])
    op.create_table(
        "idempotency",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("ix_idempotency_search_id", "idempotency", ["search_id"])
    op.create_index("ix_idempotency_at", "idempotency", ["at"])
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("tensors", sa.Integer, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.UniqueConstraint("sha256"),
    )


def _fill() -> None:
    """A trial per stored evaluation, asked for when the last `ask` before it was written."""
    connection = op.get_bind()
    names = ("id", "search_id", "seq", "at", "kind", "data")
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    events = sa.table("events", *columns)
    asked: dict[str, dict[str, str]] = {}
    newest = 0
    while True:
        query = sa.select(*columns).where(events.c.id > newest, events.c.kind.in_(("ask", "evaluation")))
        packet = connection.execute(query.order_by(events.c.id).limit(_PACKET)).all()
        if not packet:
            return
        rows = []
        for event in packet:
            newest = event.id
            try:
                data = json.loads(event.data)
                mine = asked.setdefault(event.search_id, {})
                if event.kind == "ask":
                    mine.update({_digest(plan): event.at for plan in data["plans"]})
                else:
                    rows.append({**_trial(data, mine, event.at), "search_id": event.search_id})
            except (ValueError, TypeError, KeyError) as error:
                raise StoreError(
                    f"search {event.search_id}, event {event.seq}, cannot be read ({error}), so the database cannot "
                    f"be upgraded and was left as it is; restore it from a backup, or move it away to start afresh"
                ) from None
        if rows:
            connection.execute(sa.insert(_TRIALS), rows)


def _trial(data: dict[str, Any], asked: dict[str, str], at: str) -> dict[str, Any]:
    evaluation = data["evaluation"]
    digest = _digest(evaluation["plan"])
    return {
        "number": data["number"],
        "plan": json.dumps(evaluation["plan"], separators=(",", ":")),
        "plan_key": digest,
        "state": "done",
        "metric": data["metric"],
        "metrics": json.dumps(evaluation["metrics"], separators=(",", ":")),
        "latency_ms": data["latency_ms"],
        "excess": data["excess"],
        "feasible": data["excess"] <= 0,
        "origin": data["origin"],
        "images": evaluation["images"],
        "seconds": evaluation["seconds"],
        "attempts": 0 if data["origin"] == "archive" else 1,
        "asked_at": asked.get(digest, at),
        "ended_at": at,
    }


def _digest(plan: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(sorted(plan.items()))).encode()).hexdigest()


_TRIALS = sa.table(
    "trials",
    *(sa.column(name) for name in (
        "search_id", "number", "plan", "plan_key", "state", "metric", "metrics", "latency_ms", "excess", "feasible",
        "origin", "images", "seconds", "attempts", "asked_at", "ended_at",
    )),
)  # fmt: skip
