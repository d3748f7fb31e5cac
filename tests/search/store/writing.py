"""A process that writes until it is killed: `python -m tests.search.store.writing LOCATION NAME`.

Prints a line after each commit, flushed: what it has acknowledged must be there afterwards.
"""

import sys
from pathlib import Path

from search.records import Event
from search.store import Store
from search.store.rows import IdempotencyKey
from tests.search.support import SPACE, evaluation_event, job


def main(location: Path, name: str) -> None:
    with Store.open(location) as store:
        print("ready", flush=True)
        place = 0
        while True:
            place += 1
            search = f"{name}-{place}"
            store.create_search(job().with_id(search), "t" * 64, key=IdempotencyKey(search, "f"))
            print(f"search {search}", flush=True)
            for number in range(5):
                events = [evaluation_event(number, SPACE.dense, 42.0), Event("log", {"message": "x" * 3000})]
                store.append(search, events)
                print(f"events {search} {number}", flush=True)
            store.append(search, [Event("end", {"state": "cancelled", "message": "", "answer": None})])
            print(f"end {search}", flush=True)
            if place % 3 == 0:
                store.delete_search(search)
                print(f"deleted {search}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
