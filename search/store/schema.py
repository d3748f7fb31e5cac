"""The tables. Every JSON column holds what the records' `to_dict` gives; the other columns are for finding rows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

VERSION_TABLE = "sparsearch_version"
"""Not alembic's default name, which Optuna uses for its own tables."""

HEAD = "0002"
"""The newest migration."""

searches = Table(
    "searches",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("created_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("target", String(64), nullable=False),
    Column("target_digest", String(64), nullable=False),
    Column("sampler", String(40), nullable=False),
    Column("device", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),  # runner processes started
    Column("job", Text, nullable=False),
    Column("answer", Text),
    # what the archive held when the search was made: a resumed search sees no more than that
    Column("evaluations_upto", Integer, nullable=False),
    Column("models_upto", Integer, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("labels", Text, nullable=False, server_default="{}"),
    Index(None, "created_at", "id"),
    Index(None, "state", "created_at", "id"),
    Index(None, "target", "created_at", "id"),
)

events = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("search_id", ForeignKey("searches.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", Text),
    Column("data", Text, nullable=False),
    UniqueConstraint("search_id", "seq"),
    UniqueConstraint("search_id", "key"),  # a keyed step happens once; NULLs are distinct
    Index(None, "search_id", "kind", "seq"),
)

trials = Table(
    "trials",
    METADATA,
    Column("search_id", ForeignKey("searches.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("plan", Text, nullable=False),
    Column("plan_key", String(64), nullable=False),  # sha256 of `rows.plan_key`
    Column("state", String(16), nullable=False),
    Column("metric", Float),
    Column("metrics", Text),
    Column("latency_ms", Float),
    Column("low_ms", Float),
    Column("high_ms", Float),
    Column("within", Float),
    Column("excess", Float),
    Column("feasible", Boolean),  # excess <= 0, for finding rows
    Column("origin", String(16)),
    Column("images", Integer),
    Column("seconds", Float),
    Column("attempts", Integer, nullable=False),
    Column("cause", String(16)),
    Column("error", Text),
    Column("asked_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    Index(None, "search_id", "state", "number"),  # pages of one state
    Index(None, "search_id", "state", "origin"),  # counts
    Index(None, "search_id", "feasible", "number"),  # pages of the feasible
    Index(None, "search_id", "feasible", "metric"),  # the best
)

evaluations = Table(
    "evaluations",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("target_digest", String(64), nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("plan", Text, nullable=False),
    Column("split", String(16), nullable=False),
    Column("images", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    # who paid for it; the archive belongs to the target, and outlives the search
    Column("search_id", ForeignKey("searches.id", ondelete="SET NULL")),
    Column("record", Text, nullable=False),
    UniqueConstraint("target_digest", "data_digest", "plan"),
    Index(None, "search_id"),
)

measurements = Table(
    "measurements",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("search_id", ForeignKey("searches.id"), nullable=False),
    Column("device_key", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("plan", Text, nullable=False),
    Column("median_ms", Float, nullable=False),
    Column("low_ms", Float, nullable=False),
    Column("high_ms", Float, nullable=False),
    Column("at", String(32), nullable=False),
    Column("record", Text, nullable=False),
    Index(None, "device_key", "plan"),
    Index(None, "search_id"),
)

latency_models = Table(
    "latency_models",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("search_id", ForeignKey("searches.id", ondelete="SET NULL")),
    Column("target_digest", String(64), nullable=False),
    Column("device_key", String(64), nullable=False),
    Column("steers", Boolean, nullable=False),
    Column("at", String(32), nullable=False),
    Column("model", Text, nullable=False),
    Index(None, "target_digest", "device_key"),
    Index(None, "search_id"),
)

exports = Table(
    "exports",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("search_id", ForeignKey("searches.id"), nullable=False),
    Column("plan", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("record", Text, nullable=False),
    Index(None, "search_id"),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("key_hash", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("search_id", ForeignKey("searches.id"), nullable=False),
    Column("at", String(32), nullable=False),
    Index(None, "search_id"),
    Index(None, "at"),
)

checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("tensors", Integer, nullable=False),
    Column("created_at", String(32), nullable=False),
    UniqueConstraint("sha256"),
)
