"""A process that writes until it is killed, and says after each commit what is committed. Run with -m and a URL."""

from __future__ import annotations

import itertools
import sys
import threading

from integrations.database.store import open_store
from tests.contracts.store.stage import a_record, accepted, arrival
from tests.kit.clocks import RealClock

THREADS = 4


def main(url: str) -> None:
    store = open_store(url, clock=RealClock())
    numbers = itertools.count()

    def write() -> None:
        while True:
            number = next(numbers)
            accepted(store, arrival(f"{number}"))
            store.transact(lambda tx, name=f"r{number}": tx.records.append(a_record(tx, name)))  # type: ignore[misc]
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=write) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
