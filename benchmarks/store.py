"""Answers a second that a log takes, each told and committed by itself: `python benchmarks/store.py [SECONDS]`.

1, 8 and 32 writers on SQLite and, where ASKLESS_TEST_POSTGRES names a database, on PostgreSQL: as threads of one
process, which share a connection to the log, and as processes. Each answer is one transaction; a web server that sends
several at once needs fewer. Also how long a log of a million entries takes to write and to read.
"""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import psycopg

from askless import Campaign, Dataset, Features, preset
from askless.store.entries import Entry, Kind
from askless.store.log import append_entries, create_log, open_log, read_entries
from askless.types import Answer, Prototypes

N_ITEMS, N_ENTRIES = 20_000, 1_000_000
FEATURES = Features(np.zeros((N_ITEMS, 1), np.float32))
DATASET = Dataset(tuple(map(str, range(N_ITEMS))), ("ant", "bee"))


def tell_for(campaign: Campaign, name: str, seconds: float) -> list[float]:
    """Milliseconds of every answer."""
    took: list[float] = []
    start = time.perf_counter()
    while (begun := time.perf_counter()) - start < seconds:
        campaign.record(name, [Answer(len(took), len(took) % 2, id=uuid4().bytes)])
        took.append(1000 * (time.perf_counter() - begun))
    return took


def of_threads(place: str | Path, n: int, seconds: float) -> list[float]:
    took: list[float] = []
    with closing(Campaign.open(place, FEATURES)) as campaign:
        threads = [
            threading.Thread(target=lambda i=i: took.extend(tell_for(campaign, f"annotator {i}", seconds)))
            for i in range(n)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return took


def of_processes(place: str | Path, n: int, seconds: float) -> list[float]:
    command = [sys.executable, __file__, "writer", str(place)]
    writers = [
        subprocess.Popen([*command, str(i), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for i in range(n)
    ]
    for writer in writers:
        writer.stdout.readline()  # all are ready
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return [float(ms) for writer in writers for ms in writer.communicate()[0].split()]


def write(place: str, number: str, seconds: str) -> None:
    with closing(Campaign.open(place, FEATURES)) as campaign:
        print("ready", flush=True)
        sys.stdin.readline()
        print(*tell_for(campaign, f"annotator {number}", float(seconds)))


def show(name: str, place: str | Path, seconds: float) -> None:
    config = preset("ds_model")
    Campaign.create(place, DATASET, FEATURES, config).close()
    for kind, run in (("threads", of_threads), ("processes", of_processes)):
        for n in (1, 8, 32):
            took = run(place, n, seconds)
            median, p95 = np.percentile(took, [50, 95])
            print(f"{name:11} {n:3} {kind:10} {len(took) / seconds:8.0f} {median:8.1f} {p95:8.1f}", flush=True)


def show_large(name: str, place: str | Path) -> None:
    with closing(create_log(place, DATASET, Prototypes.none(), {"k": b"v"})):
        pass
    entries = [Entry(i + 1, Kind.ANSWERED, 1e9 + i, 0, 1, i % N_ITEMS, 0, 900, bytes(16)) for i in range(N_ENTRIES)]
    with closing(open_log(place)) as log:
        start = time.perf_counter()
        with log.transaction() as connection:
            append_entries(connection, entries)
        written = time.perf_counter()
        with log.reading() as connection:
            assert sum(1 for _ in read_entries(connection)) == N_ENTRIES
        print(f"{name:11} {written - start:8.1f} s to write, {time.perf_counter() - written:8.1f} s to read")


def main(seconds: float) -> None:
    stores = {"SQLite": lambda name: Path(folder) / f"{name}.db"}
    address = os.environ.get("ASKLESS_TEST_POSTGRES")
    if address:
        stores["PostgreSQL"] = lambda name: f"{address}?schema=benchmark_{name}"
    with TemporaryDirectory() as folder:
        print("store       writers         answers/s   median ms   p95 ms")
        for name, place_of in stores.items():
            show(name, place_of("answers"), seconds)
        print(f"\n{N_ENTRIES} entries in one transaction")
        for name, place_of in stores.items():
            show_large(name, place_of("large"))
    if address:
        with psycopg.connect(address, autocommit=True) as connection:
            for name in ("answers", "large"):
                connection.execute(f"DROP SCHEMA benchmark_{name} CASCADE")


if __name__ == "__main__":
    if sys.argv[1:2] == ["writer"]:
        write(*sys.argv[2:])
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 5.0)
