"""The questions that can be asked of the store; none of them waits for a writer."""

from sqlalchemy import text

from search.store.archive_questions import ArchiveQuestions
from search.store.checkpoint_questions import CheckpointQuestions
from search.store.event_questions import EventQuestions
from search.store.schema import VERSION_TABLE
from search.store.search_questions import SearchQuestions
from search.store.trial_questions import TrialQuestions


class Reading(SearchQuestions, EventQuestions, TrialQuestions, ArchiveQuestions, CheckpointQuestions):
    """Read access to everything that is stored."""

    def check(self) -> None:
        """Whether the database can be read, at the cost of one row.

        Raises:
            StoreUnavailable: it cannot now.
            StoreError: it cannot.
        """
        with self._reading() as connection:
            connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).all()
