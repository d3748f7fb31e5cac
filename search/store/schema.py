"""The tables. Every JSON column holds what the records' `to_dict` gives; the other columns are for finding rows."""

from sqlalchemy import (
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

HEAD = "0001"
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
    Column("search_id", ForeignKey("searches.id"), nullable=False),  # who paid for it
    Column("record", Text, nullable=False),
    UniqueConstraint("target_digest", "data_digest", "plan"),
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
    Column("search_id", ForeignKey("searches.id"), nullable=False),
    Column("target_digest", String(64), nullable=False),
    Column("device_key", String(64), nullable=False),
    Column("steers", Boolean, nullable=False),
    Column("at", String(32), nullable=False),
    Column("model", Text, nullable=False),
    Index(None, "target_digest", "device_key"),
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
