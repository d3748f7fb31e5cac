"""Searches, events, archive of evaluations, measurements, latency models, exports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "searches",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("target_digest", sa.String(64), nullable=False),
        sa.Column("sampler", sa.String(40), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("evaluations_upto", sa.Integer, nullable=False),
        sa.Column("models_upto", sa.Integer, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("search_id", "seq"),
        sa.UniqueConstraint("search_id", "key"),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("target_digest", sa.String(64), nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.UniqueConstraint("target_digest", "data_digest", "plan"),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("device_key", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("median_ms", sa.Float, nullable=False),
        sa.Column("low_ms", sa.Float, nullable=False),
        sa.Column("high_ms", sa.Float, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_measurements_device_key_plan", "measurements", ["device_key", "plan"])
    op.create_index("ix_measurements_search_id", "measurements", ["search_id"])
    op.create_table(
        "latency_models",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("target_digest", sa.String(64), nullable=False),
        sa.Column("device_key", sa.String(64), nullable=False),
        sa.Column("steers", sa.Boolean, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
    )
    op.create_index("ix_latency_models_target_digest_device_key", "latency_models", ["target_digest", "device_key"])
    op.create_table(
        "exports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("search_id", sa.String(40), sa.ForeignKey("searches.id"), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_exports_search_id", "exports", ["search_id"])
