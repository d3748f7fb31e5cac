"""The store: the only truth about searches. SQLAlchemy Core on SQLite, one writer per file, alembic migrations."""

from search.store.store import Store

__all__ = ["Store"]
