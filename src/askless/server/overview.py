"""What the manager's page shows of a campaign that is served; every reply is made without waiting for an inference."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from askless.advice import advise
from askless.core.risk import ItemStatus
from askless.data.labels_out.formats import FORMATS
from askless.results import Status
from askless.server import insight
from askless.server.accuracy import accuracy_of
from askless.server.costs import cost_of
from askless.server.insight import CloseLook
from askless.server.live import LiveCampaign
from askless.server.manage_replies import (
    Annotator,
    Annotators,
    Confused,
    Confusions,
    Curves,
    Images,
    Inference,
    Invitations,
    InvitationView,
    Items,
    ItemView,
    ManagedSettings,
    Share,
    Sort,
    Summary,
    Vote,
)
from askless.server.tally import Person, Tally
from askless.types import Role, SkipReason

MAX_SQUARE = 30
"""Classes that a confusion can be drawn of as a square."""

N_TOP = 30
N_POINTS = 400
"""Most confusions listed, and most points of a curve."""

MORE = (
    "There are new images, labels or features in the campaign's folder. To use them, end serving (Ctrl-C where it "
    "runs) and serve again; no answer is lost."
)
AUDIT = "An audit is under way, so only its auditors are asked now: {}. They answer by the links of these names."
CONTRADICTION = (
    "Of {} images with two answers only {} have the same twice, and not every class has an image whose label is known, "
    "by which to tell who is right: whole classes may be swapped, however sure the labels look. See whether all mean "
    "the same by each class (keys differ from person to person), and give known labels (docs/howto/images.md, Known "
    "labels)."
)
HOUR = 3600
ACTIVE_SECONDS = 600
LEAST_MINUTES = 5
"""Of fewer minutes with answers no rate is told."""


class Overview:
    """Answers the manager's questions about one live campaign."""

    def __init__(self, live: LiveCampaign) -> None:
        self._live = live
        gold = live.place.gold()
        self._tally = Tally(dict(zip(gold.item.tolist(), gold.label.tolist(), strict=True)))
        self._has_gold = len(gold) > 0
        self._lock = threading.Lock()
        self._latest: CloseLook | None = None

    def summary(self, role: Role) -> Summary:
        live, now = self._live, self._live.clock()
        campaign, page = live.campaign, live.page
        status, inference, upto = campaign.status(), live.inference(), campaign.estimate.upto
        with self._tallied() as tally:
            n_answers, n_last_hour = tally.n_answers, tally.n_since(now - HOUR)
            n_skips = sum(person.n_skips for person in tally.people)
            n_of = {person.name: person.n_labels for person in tally.people}
            times = [person.last for person in tally.people if person.last is not None]
            minutes = min(int(now // 60) - min(tally.per_minute) + 1, 60) if tally.per_minute else 0
            gold, verdicts = self._gold(tally), list(tally.verdicts)
        config = campaign.config
        return Summary(
            title=page.title or live.place.root.name,
            role=role,
            state="finished" if status.stopped else "paused" if campaign.is_paused else "running",
            reason=status.stopped,
            images=Images(
                total=status.n_items,
                finished=status.n_confident,
                open=status.n_open,
                exhausted=status.n_exhausted,
                broken=status.n_broken,
            ),
            n_answers=n_answers,
            n_skips=n_skips,
            n_annotators=len(times),
            n_active=sum(now - last < ACTIVE_SECONDS for last in times),
            per_hour=n_last_hour * 60 / minutes if minutes >= LEAST_MINUTES else None,
            last_answer=max(times, default=None),
            cost=cost_of(campaign, status, page, n_of),
            accuracy=accuracy_of(status, gold, verdicts, is_inferred=upto > 0),
            inference=Inference(
                is_running=inference.is_running,
                last_error=inference.last_error,
                last_seconds=inference.last_seconds,
                n_behind=inference.n_behind,
                refreshed=campaign.refreshed_at,
            ),
            settings=ManagedSettings(
                budget=config.budget,
                max_risk=config.max_risk,
                max_per_item=config.sampler.max_per_item,
                gold_rate=config.annotators.gold_rate,
                price=page.price_per_answer,
            ),
            has_gold=self._has_gold,
            notes=self._notes(status),
            estimate=upto,
            formats=list(FORMATS),
        )

    def _notes(self, status: Status) -> list[str]:
        """What whoever runs the campaign had better know."""
        campaign = self._live.campaign
        advice = advise(campaign.config, len(campaign.prototypes))
        is_auditing = status.promise is not None and status.promise.is_auditing
        audit = AUDIT.format(", ".join(campaign.config.promise.auditors)) if is_auditing else ""
        more = MORE if self._live.has_more() else ""
        return [note for note in (advice, self._contradiction(), audit, more) if note]

    def _contradiction(self) -> str:
        campaign = self._live.campaign
        if len(np.unique(campaign.prototypes.label)) >= campaign.dataset.n_classes - 1:
            return ""
        n_alike, n = self._close().agreement
        interval = insight.exact_interval(n_alike, n)
        is_contradiction = interval is not None and interval.high < insight.LEAST_AGREEMENT
        return CONTRADICTION.format(n, n_alike) if is_contradiction else ""

    def curves(self) -> Curves:
        n_items = self._live.campaign.status().n_items
        with self._tallied() as tally:
            refreshes = tally.refreshes[:: -max(len(tally.refreshes) // N_POINTS, 1)][::-1]  # the last one is in
            hours = Counter[int]()
            for minute, n in tally.per_minute.items():
                hours[minute // 60] += n
        rows = [entry.payload or {} for entry in refreshes]
        span = range(min(hours), max(hours) + 1) if hours else range(0)
        span = span[-N_POINTS:]
        return Curves(
            time=[entry.time for entry in refreshes],
            n_answers=[row["n_annotations"] for row in rows],
            finished=[row["confident"] for row in rows],
            open=[row.get("open") for row in rows],
            exhausted=[row.get("exhausted") for row in rows],
            accuracy=[1 - row["risk"] if "risk" in row and row["n_annotations"] else None for row in rows],
            hour=[float(hour * HOUR) for hour in span],
            per_hour=[hours[hour] for hour in span],
            n_items=n_items,
        )

    def annotators(self) -> Annotators:
        campaign, close = self._live.campaign, self._close()
        same: dict[int, list[int]] = {}
        for a, b, _ in close.copies:
            same.setdefault(a, []).append(b)
            same.setdefault(b, []).append(a)
        least_gold = campaign.config.annotators.qualification_share
        with self._tallied() as tally:
            n_classes = campaign.dataset.n_classes
            shares = np.array([tally.per_label[y] for y in range(n_classes)]) / max(tally.n_answers, 1)
            chance = insight.chance_level(shares)
            views = []
            for j, person in enumerate(tally.people):
                skill = close.skills[j] if j < len(close.skills) else None
                gold = insight.exact_interval(person.n_right, person.n_gold)
                raised = insight.flags(
                    n_answers=person.n_labels,
                    median_ms=person.median_ms,
                    longest_run=person.longest_run,
                    share_of_run=_share_of_others(tally, person, n_classes),
                    skill=skill,
                    chance=chance,
                    gold=gold,
                    least_gold=least_gold,
                    is_copy=j in same,
                )
                views.append(
                    Annotator(
                        name=person.name,
                        standing=campaign.standing(person.name),
                        n_answers=person.n_labels,
                        n_skips=person.n_skips,
                        median_ms=person.median_ms,
                        last=person.last,
                        skill=_shown(skill, person.n_labels),
                        gold=_shown(gold, person.n_gold),
                        flags=raised,
                        same_as=[tally.people[other].name for other in same.get(j, ())],
                    )
                )
        return Annotators(annotators=views)

    def confusion(self) -> Confusions:
        pooled = self._close().pooled
        n = pooled.sum(axis=1)
        shares = np.divide(pooled, n[:, None], out=np.zeros_like(pooled), where=n[:, None] > 0)
        return Confusions(
            classes=list(self._live.campaign.dataset.classes),
            shares=shares.round(4).tolist() if len(n) <= MAX_SQUARE else None,
            n=n.round(1).tolist(),
            top=[
                Confused(truth=y, label=z, share=round(float(shares[y, z]), 4), n=round(float(pooled[y, z]), 1))
                for y, z in insight.top_confusions(pooled, N_TOP)
            ],
        )

    def items(self, sort: Sort, start: int, n: int) -> Items:
        campaign, close = self._live.campaign, self._close()
        dataset, posterior = campaign.dataset, close.estimate.posterior
        status = campaign.result().status
        with self._tallied() as tally:
            match sort:
                case "risk":
                    is_risky = (status == ItemStatus.OPEN) | (status == ItemStatus.EXHAUSTED)
                    scores = np.where(is_risky, close.estimate.risk, 0.0)
                case "disputed":
                    scores = np.where(status != ItemStatus.KNOWN, close.dispute, 0.0)
                case "broken":
                    scores = np.zeros(dataset.n_items)
                    for item, people in tally.broken.items():
                        scores[item] = len(people)
            chosen = insight.highest(scores, start, n)
            votes = {item: self._votes(tally, item) for item in chosen.tolist()}
        views = []
        for i in chosen.tolist():
            first, second = np.argsort(-posterior[i], kind="stable")[:2].tolist()
            views.append(
                ItemView(
                    item=i,
                    id=dataset.items[i],
                    status=str(status[i]),
                    label=dataset.classes[first],
                    probability=round(float(posterior[i, first]), 4),
                    runner_up=dataset.classes[second],
                    runner_up_probability=round(float(posterior[i, second]), 4),
                    votes=votes[i],
                )
            )
        return Items(start=start, total=int((scores > 0).sum()), items=views)

    def invitations(self) -> Invitations:
        return Invitations(
            invitations=[
                InvitationView(id=one.id, name=one.name, role=one.role, ends=one.ends, is_revoked=one.is_revoked)
                for one in self._live.campaign.invitations()
            ]
        )

    @contextmanager
    def _tallied(self) -> Iterator[Tally]:
        """The tally as of now; nobody else moves it meanwhile."""
        with self._lock:
            for entry in self._live.campaign.entries(self._tally.position):
                self._tally.apply(entry)
            yield self._tally

    def _close(self) -> CloseLook:
        estimate = self._live.campaign.estimate
        if self._latest is None or self._latest.estimate.upto != estimate.upto:
            self._latest = CloseLook(estimate, self._live.campaign.annotations())
        return self._latest

    def _votes(self, tally: Tally, item: int) -> list[Vote]:
        classes = self._live.campaign.dataset.classes
        votes = [(person, person.said[item]) for person in tally.people if item in person.said]
        return [
            Vote(annotator=person.name, label=None, reason=said.value, is_banned=person.is_banned)
            if isinstance(said, SkipReason)
            else Vote(annotator=person.name, label=classes[said], reason=None, is_banned=person.is_banned)
            for person, said in votes
        ]

    def _gold(self, tally: Tally) -> Share | None:
        """How often people whose answers count agree with gold."""
        people = [person for person in tally.people if not person.is_banned]
        n = sum(person.n_gold for person in people)
        return _shown(insight.exact_interval(sum(person.n_right for person in people), n), n)


def _shown(interval: insight.Interval | None, n: int) -> Share | None:
    return None if interval is None else Share(share=interval.share, low=interval.low, high=interval.high, n=n)


def _share_of_others(tally: Tally, person: Person, n_classes: int) -> float:
    """How frequent the label of somebody's longest run is among what the others say, each class counted once more."""
    if person.longest_label is None:
        return 1.0
    label = person.longest_label
    n, n_label = tally.n_answers - person.n_labels, tally.per_label[label] - person.per_label[label]
    return (n_label + 1) / (n + n_classes)
