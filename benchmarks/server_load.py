"""How many answers a server takes, and how fast, while the inference runs beside it.

    python benchmarks/server_load.py [--seconds 120] [--annotators 32] [--items 100000] [--store URL]

Simulated annotators, right 8 times in 10, answer over HTTP as fast as they are asked: each asks for a batch and sends
its answers together, one after the other without a pause. Client, server and inference are three processes on the
same machine. One answer in ten is sent twice. At the end the log is compared with what was acknowledged.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import numpy as np

from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemRow, to_csv
from askless.server.item_names import ItemNames
from askless.server.links import read_secret
from askless.server.live import LiveCampaign
from askless.store.entries import Kind
from askless.store.postgres import address_of_folder
from askless.workspace import open_beside

K = 10
D = 64
SETTINGS = """\
format = 1
[campaign]
seed = 0
max_risk = 0.001
[campaign.sampler]
max_per_item = 10
[page]
refresh_answers = 200
"""


@dataclass
class Tally:
    """Milliseconds of each request, acknowledged ids, and what went wrong."""

    submit: list[float] = field(default_factory=list)
    ask: list[float] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    n_empty: int = 0
    errors: list[str] = field(default_factory=list)


def make_campaign(root: Path, n_items: int, store: str) -> "np.typing.NDArray[np.int64]":
    """Items without pictures, in K classes that the features tell apart; returns the truth."""
    root.mkdir()
    place, rng = CampaignFolder(root), np.random.default_rng(0)
    truth = rng.integers(0, K, n_items)
    rows = [ItemRow(f"{i:07}", f"images/{i}.jpg", 8, 8, 1, f"{i:032x}", "", "") for i in range(n_items)]
    place.items.write_text(to_csv([ItemRow._fields, *rows]))
    place.classes.write_text(json.dumps([f"class {k}" for k in range(K)]))
    where = f"store = {json.dumps(address_of_folder(store, root))}\n" if store else ""
    place.settings.write_text(where + SETTINGS)
    np.save(place.features, (rng.normal(size=(n_items, D)) + 2 * np.eye(K, D)[truth]).astype(np.float32))
    return truth


class Browser:
    """A connection that stays open, and no more of HTTP than it takes: it runs on the cores that are measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: str) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = headers

    @classmethod
    async def open(cls, url: str, token: str) -> Self:
        place = urlsplit(url)
        headers = f"Host: {place.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        return cls(*await asyncio.open_connection(place.hostname, place.port), headers)

    async def post(self, path: str, content: Any) -> Any:
        """Raises OSError if the answer is not 200, or none comes within a minute."""
        body = json.dumps(content)
        self._writer.write(f"POST {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        async with asyncio.timeout(60):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            answer = await self._reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
        if head.split()[1] != "200":
            raise OSError(f"{head.splitlines()[0]} {answer!r}")
        return json.loads(answer)

    def close(self) -> None:
        self._writer.close()


async def annotate(
    browser: Browser,
    truth: dict[str, int],
    seed: int,
    end: float,
    seconds_per_answer: float,
    tally: Tally,
) -> None:
    rng = np.random.default_rng(seed)
    due = time.perf_counter() + rng.random() * 8 * seconds_per_answer
    while time.perf_counter() < end:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        batches = await _post(browser, "/api/batches", {}, tally.ask, tally)
        if not batches or not batches["batches"]:
            tally.n_empty += 1
            await asyncio.sleep(0.05)
            continue
        for batch in batches["batches"]:
            due += seconds_per_answer * len(batch["items"])
            events = [
                {
                    "id": str(uuid4()),
                    "kind": "answer",
                    "batch": batch["id"],
                    "item": one["item"],
                    "label": truth[one["item"]] if rng.random() < 0.8 else int(rng.integers(K)),
                    "response_ms": 1000,
                }
                for one in batch["items"]
            ]
            n_times = 2 if rng.random() < 0.1 else 1
            for _ in range(n_times):
                reply = await _post(browser, "/api/events", {"events": events}, tally.submit, tally)
                for result in (reply or {"results": []})["results"]:
                    if result["status"] == "refused":
                        tally.errors.append(str(result))
                    else:
                        tally.kept.add(result["id"])


async def _post(browser: Browser, path: str, content: Any, times: list[float], tally: Tally) -> Any:
    start = time.perf_counter()
    try:
        reply = await browser.post(path, content)
    except (OSError, EOFError) as error:
        tally.errors.append(f"{path}: {error!r}")
        return None
    times.append(1000 * (time.perf_counter() - start))
    return reply


async def drive(url: str, tokens: list[str], truth: dict[str, int], seconds: float, rate: float) -> Tally:
    tally, end = Tally(), time.perf_counter() + seconds
    crowd = [await Browser.open(url, token) for token in tokens]
    await asyncio.gather(
        *(annotate(browser, truth, j, end, len(tokens) / rate, tally) for j, browser in enumerate(crowd))
    )
    for browser in crowd:
        browser.close()
    return tally


def invite(folder: Path, n_annotators: int) -> list[str]:
    """A token for each."""
    with closing(LiveCampaign(folder)) as live:
        invited = [live.campaign.invite(f"annotator-{j:02}", "annotator") for j in range(n_annotators)]
        return [live.links.token(one) for one in invited]


def check(folder: Path, tally: Tally) -> str:
    """What is in the log beside what was acknowledged."""
    with closing(open_beside(folder)) as campaign:
        entries = list(campaign.entries())
    rows = [str(UUID(bytes=entry.answer_id)) for entry in entries if entry.kind == Kind.ANSWERED]
    n_refreshes = sum(entry.kind == Kind.REFRESHED for entry in entries)
    lost = len(tally.kept - set(rows))
    return f"{len(rows)} answers, {len(set(rows))} distinct ids, lost {lost}; {n_refreshes} inferences"


def percentiles(times: list[float]) -> str:
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return f"p50 {p50:6.1f} ms  p95 {p95:6.1f} ms  p99 {p99:6.1f} ms  ({len(times)} requests)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--annotators", type=int, default=32)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=float("inf"), help="answers a second of all annotators")
    parser.add_argument("--store", default="", help="postgresql://...; a schema is made there and left there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "campaign"
        truth = make_campaign(folder, given.items, given.store)
        tokens = invite(folder, given.annotators)
        name_of = ItemNames(read_secret(CampaignFolder(folder).secret)).name
        named = {name_of(i): label for i, label in enumerate(truth.tolist())}
        command = [sys.executable, "-m", "askless", "serve", str(folder), "--port", "0", "--json"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        tally = asyncio.run(drive(url, tokens, named, given.seconds, given.rate))
        server.send_signal(signal.SIGINT)
        ended = server.wait(30)
        found = check(folder, tally)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {given.items} items")
    print(f"{given.annotators} annotators for {given.seconds:.0f} s: {len(tally.kept) / given.seconds:.0f} answers/s")
    print(f"submit  {percentiles(tally.submit)}")
    print(f"ask     {percentiles(tally.ask)}; nothing to hand out: {tally.n_empty}")
    print(f"errors  {len(tally.errors)} {tally.errors[:3] or ''}; the server ended with {ended}")
    print(f"log     {found}")


if __name__ == "__main__":
    main()
