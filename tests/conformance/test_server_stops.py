"""A server of PostgreSQL that is stopped in the middle of the work, again and again. It is one of our own, since
others may use the one that is there."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import glob
from pathlib import Path
from uuid import uuid4

import pytest

from askless.campaign import Campaign
from askless.errors import StoreError
from askless.store.turn import hold_inference
from askless.types import Answer, Batch
from log_entries import assert_nothing_lost_or_doubled, run_together
from small_campaign import TRUTH, create, read_file, reopen

pytestmark = pytest.mark.slow


class Server:
    """A cluster in a temporary folder, run by a user other than root, as PostgreSQL demands."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--auth=trust", "--no-sync", "--username=askless")
        self.start()

    @property
    def address(self) -> str:
        return f"postgresql://askless@127.0.0.1:{self._port}/postgres?schema=stopped"

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._folder / "server.log"))

    def stop(self) -> None:
        """As a power cut would: no transaction is ended, nothing is written any more."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=60, **user)


@pytest.fixture
def server() -> Iterator[Server]:
    found = shutil.which("initdb") or next(iter(sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None)
    if found is None:
        pytest.skip("needs initdb of PostgreSQL")
    folder = Path(tempfile.mkdtemp())
    started = Server(Path(found).parent, folder)
    yield started
    with suppress(subprocess.CalledProcessError):
        started.stop()
    shutil.rmtree(folder)


class Person:
    """Answers all that they are asked, and tells again what was not acknowledged, as a browser does."""

    def __init__(self, campaign: Campaign, name: str) -> None:
        self.campaign = campaign
        self.name = name
        self.acknowledged: list[str] = []
        self.complaints: list[str] = []

    def work(self) -> None:
        ends = time.monotonic() + 120
        while time.monotonic() < ends and (batches := self._ask()) is not None:
            time.sleep(0 if batches else 0.005)
            for batch in batches:
                for item in batch.items:
                    self._tell(batch, Answer(item, int(TRUTH[item]), id=uuid4().bytes))

    def _ask(self) -> list[Batch] | None:
        """None at the end; nothing for now where others hold what is left."""
        while True:
            try:
                with self.campaign.transaction():
                    held = self.campaign.leased(self.name) or self.campaign.ask([self.name])
                    return held if held or self.campaign.leased() else None
            except StoreError as error:
                self._complain(error)

    def _tell(self, batch: Batch, answer: Answer) -> None:
        assert answer.id is not None
        while True:
            try:
                self.campaign.tell(batch.id, [answer])
                self.acknowledged.append(answer.id.hex())
                return
            except StoreError as error:
                self._complain(error)

    def _complain(self, error: StoreError) -> None:
        self.complaints.append(str(error))
        time.sleep(0.02)


def test_everything_acknowledged_survives_and_work_goes_on(server: Server) -> None:
    create(server.address, batch_size=8, max_risk=0.0, sampler={"max_per_item": 4}).close()
    campaigns = [reopen(server.address) for _ in range(2)]
    campaigns[0].refresh()
    people = [Person(campaigns[i % 2], name) for i, name in enumerate(("ann", "bob", "cy", "dan"))]
    n_stops = 2

    def stop_now_and_then() -> None:
        for number in range(1, n_stops + 1):
            ends = time.monotonic() + 120
            while time.monotonic() < ends and sum(len(one.acknowledged) for one in people) < 60 * number:
                time.sleep(0.005)
            server.stop()
            time.sleep(0.1)
            server.start()

    run_together([stop_now_and_then, *(one.work for one in people)])
    for campaign in campaigns:
        campaign.close()
    acknowledged = [text for one in people for text in one.acknowledged]
    assert len(acknowledged) == 4 * len(TRUTH)
    assert_nothing_lost_or_doubled(read_file(server.address), acknowledged)
    complaints = {text for one in people for text in one.complaints}
    assert complaints
    assert all("cannot be used (" in text and text.endswith("and try again.") for text in complaints)


def test_the_turn_to_infer_is_taken_anew(server: Server) -> None:
    with hold_inference(server.address) as is_mine, hold_inference(server.address) as is_theirs:
        assert [is_mine(), is_theirs()] == [True, False]
        server.stop()
        with pytest.raises(StoreError, match=r"cannot be reached"):
            is_mine()
        server.start()
        assert [is_theirs(), is_mine()] == [True, False]
