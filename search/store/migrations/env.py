"""Alembic's entry: runs the migrations on the connection that `search.store.migrate` hands over."""

from alembic import context

from search.store.schema import METADATA, VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    # the caller has begun the transaction, so that schema and version change together or not at all
    transactional_ddl=True,
)
context.run_migrations()
