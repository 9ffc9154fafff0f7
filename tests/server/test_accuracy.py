"""What is told of the accuracy of a campaign that promises one: while audits ask, and after."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from small_server import Served, serve

from askless.results import Promise, Status
from askless.server.accuracy import accuracy_of
from askless.store.entries import Entry, Kind
from askless.types import Answer

PROMISE = "[campaign.promise]\ntarget_accuracy = 0.7\nmax_audit_share = 1.0\nconfidence = 0.9\n"


def audit(served: Served, n_wrong: int, most: int = 100) -> None:
    """The auditor checks images, some first of which get another label than the likely one."""
    campaign, n = served.live.campaign, 0
    while not campaign.status().stopped and n < most and (batches := campaign.ask(["auditor"], batch_size=1)):
        (i,) = batches[0].items
        label = int(campaign.estimate.label[i])
        campaign.tell(batches[0].id, [Answer(i, (label + (n < n_wrong)) % 3)])
        n += 1


def test_what_audits_have_shown_is_told_while_they_ask_and_after(tmp_path: Path) -> None:
    with serve(tmp_path / "audited", settings=PROMISE) as served:

        def accuracy() -> Any:
            return served.get("/api/manage/summary").json()["accuracy"]

        assert accuracy()["audited"] is None
        assert "images; nothing else has checked them yet." in accuracy()["rests_on"]
        audit(served, 0, most=1)
        shown = accuracy()["audited"]
        assert (shown["n"], shown["n_wrong"], shown["high"]) == (1, None, 1.0)
        assert "An audit is under way, 1 image checked so far: with 90 % confidence, " in accuracy()["rests_on"]
        assert "100.0 % of all labels are right (target: 70 %)." in accuracy()["rests_on"]
        audit(served, 1)
        told, promise = served.get("/api/manage/summary").json(), served.live.campaign.status().promise
        assert promise
        assert told["reason"] == "promise_kept"
        shown = told["accuracy"]["audited"]
        (ended,) = served.log(Kind.AUDITED)
        assert (shown["n"], shown["n_wrong"]) == ((ended.payload or {})["n_audited"], 1)
        assert promise.low - 0.001 < shown["low"] <= promise.low
        assert promise.high + 0.001 > shown["high"] >= promise.high
        assert (
            f"Audits have checked {shown['n']} images and confirmed all labels but 1: with"
            in told["accuracy"]["rests_on"]
        )
        assert "nothing else has checked" not in told["accuracy"]["rests_on"]


def test_after_an_audit_that_failed_it_is_told_how_right_the_labels_were() -> None:
    promise = Promise(0.98, 0.95, 0.8123, 0.97651, 22, 2, is_auditing=False)
    status = Status(1000, 500, 0, 0, 9, 991, 0, 0, 0.01, None, is_paused=False, promise=promise)
    verdicts = [
        Entry(n, Kind.AUDITED, 0.0, payload={"n_audited": n, "n_wrong": wrong}) for n, wrong in ((8, 0), (14, 2))
    ]
    assert accuracy_of(status, None, verdicts, is_inferred=True).rests_on == (
        "The model's own opinion of its labels for 1,000 images. Audits have checked 22 images and confirmed all "
        "labels but 2: with 95 % confidence, 81.2 to 97.7 % of all labels were then right (target: 98 %)."
    )
    over = accuracy_of(replace(status, stopped="cannot_be_reached"), None, verdicts, is_inferred=True)
    assert "of all labels are right (target: 98 %)." in over.rests_on
    right = accuracy_of(status, None, verdicts[:1], is_inferred=True)
    assert "Audits have checked 8 images and confirmed all labels: with" in right.rests_on
