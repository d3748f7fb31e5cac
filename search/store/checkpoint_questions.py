"""Questions about uploaded checkpoints."""

from sqlalchemy import select

from search.errors import UnknownCheckpoint
from search.store import schema
from search.store.decoding import checkpoint_row
from search.store.readable import Readable
from search.store.rows import CheckpointRow


class CheckpointQuestions(Readable):
    """Read access to `checkpoints`."""

    def checkpoints(self) -> list[CheckpointRow]:
        """Every uploaded checkpoint, newest first."""
        table = schema.checkpoints
        with self._reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.created_at.desc(), table.c.id)).all()
        return [checkpoint_row(row) for row in rows]

    def checkpoint(self, checkpoint_id: str) -> CheckpointRow:
        """One of them.

        Raises:
            UnknownCheckpoint: there is none of that id.
        """
        table = schema.checkpoints
        with self._reading() as connection:
            row = connection.execute(select(table).where(table.c.id == checkpoint_id)).first()
        if row is None:
            raise UnknownCheckpoint(f"there is no checkpoint {checkpoint_id!r}")
        return checkpoint_row(row)
