"""Bring a database to the current schema, refuse one from the future."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from search.errors import StoreError
from search.store.schema import HEAD, VERSION_TABLE

_SCRIPTS = Path(__file__).parent / "migrations"


def version(connection: Connection) -> str | None:
    """Revision of the schema; None: an empty database."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()


def upgrade(connection: Connection, name: str, to: str = "head") -> None:
    """Migrate inside the connection's open transaction; nothing to do is quick.

    Args:
        connection: in a transaction that holds the write lock.
        name: the database, for messages.
        to: the revision to reach.
    Raises:
        StoreError: the schema is unknown here, because a newer version of SparSearch wrote it.
    """
    found = version(connection)
    if found == HEAD:
        return
    refuse_unknown(found, name)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    command.upgrade(config, to)


def refuse_unknown(found: str | None, name: str) -> None:
    """Refuse a schema that a newer version wrote.

    Raises:
        StoreError: it is unknown here.
    """
    if found is not None and not any((_SCRIPTS / "versions").glob(f"{found}_*.py")):
        raise StoreError(
            f"{name} has schema {found}, which this version of SparSearch does not know; "
            f"upgrade SparSearch, or set SPARSEARCH_HOME to another folder"
        )
