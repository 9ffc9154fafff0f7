"""What the annotator's page asks for and tells: who I am, which images next, and what I said of them."""

from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from askless.core.gold import Standing
from askless.data.classes import OTHER
from askless.errors import AnswerError
from askless.randomness import generator
from askless.server.access import Link, person, signed
from askless.server.instructions import read_instructions
from askless.server.item_names import PATTERN
from askless.server.live import LiveCampaign
from askless.server.refusals import REFUSALS
from askless.types import Answer, Batch, Invitation, SkipReason

MAX_EVENTS = 100
Number = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
ItemName = Annotated[str, Field(pattern=PATTERN)]
"""See `item_names`."""


class State(StrEnum):
    """What there is to do for an annotator; waiting: nothing now, ask again; audited: nothing while an audit asks
    others; auditor: nothing before an audit begins."""

    WORKING = "working"
    WAITING = "waiting"
    AUDITED = "audited"
    AUDITOR = "auditor"
    PAUSED = "paused"
    FINISHED = "finished"
    UNQUALIFIED = "unqualified"
    BANNED = "banned"


class Class(BaseModel):
    """One class as people see it; `group` may have levels, separated by `/`."""

    label: int
    name: str
    description: str
    aliases: tuple[str, ...]
    group: str | None
    n_examples: int


class Session(BaseModel):
    """What a page needs to begin. `person` is the same for every link of this annotator. Classes stand in the order of
    this annotator; `other` is the label of the class for what is none of them; `instructions` are HTML."""

    name: str
    person: str
    campaign: str
    classes: list[Class]
    other: int | None
    instructions: str | None
    confirm: bool
    ahead: int
    n_answered: int
    state: State


class Item(BaseModel):
    item: str


class HeldBatch(BaseModel):
    """Images promised to this annotator until `ends`, those that are answered left out."""

    id: int
    ends: float
    items: list[Item]


class Held(BaseModel):
    """All that is promised to this annotator at the time `now`; `drop` is what others have settled meanwhile."""

    batches: list[HeldBatch]
    drop: list[str]
    state: State
    now: float


class Event(BaseModel):
    """One thing done by an annotator. An answer has a label, or perhaps a reason why not; an undo names an answer."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    kind: Literal["answer", "undo"]
    batch: Number
    item: ItemName
    label: Number | None = None
    reason: SkipReason | None = None
    response_ms: Number | None = None
    undoes: UUID | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if (self.kind == "undo") != (self.undoes is not None):
            raise ValueError("an undo, and nothing else, names in `undoes` the id of an answer")
        if self.label is not None and self.reason is not None:
            raise ValueError("an answer has a label, or a reason why not")
        return self


class Events(BaseModel):
    model_config = ConfigDict(extra="forbid")

    events: list[Event] = Field(max_length=MAX_EVENTS)


class Fate(BaseModel):
    """What became of an event: on disk now, there before, or not taken for a reason."""

    id: UUID
    status: Literal["kept", "repeated", "refused"]
    detail: str | None = None


class Fates(BaseModel):
    results: list[Fate]
    n_answered: int
    drop: list[str]


def router(live: LiveCampaign) -> APIRouter:
    """Routes of annotators; a response says nothing of which items are gold."""
    routes = APIRouter(prefix="/api", tags=["annotator"], responses=REFUSALS)
    campaign, ahead, name_of = live.campaign, live.page.ahead, live.item_names.name
    instructions = read_instructions(live.place.instructions)
    names = [one.name for one in live.classes]
    known = frozenset(campaign.prototypes.item.tolist())
    annotator_of = person(live, "annotator")
    is_signed = Depends(signed(live))  # before anything waits for the log

    @routes.get("/session")
    def session(who: Annotated[Invitation, Depends(annotator_of)]) -> Session:
        """Who I am, and what the classes are."""
        return Session(
            name=who.name,
            person=live.links.person(who.name),
            campaign=live.page.title or live.place.root.name,
            classes=_classes_for(who, live),
            other=names.index(OTHER) if OTHER in names else None,
            instructions=instructions,
            confirm=live.page.confirm,
            ahead=ahead,
            n_answered=campaign.n_answered(who.name),
            state=_state(live, who.name, has_work=True),
        )

    @routes.post("/batches", response_model=Held, dependencies=[is_signed])
    async def batches(link: Link) -> Response:
        """The images that I hold, and more of them if these are few."""

        def fill() -> Held:
            name = annotator_of(link).name
            held, settled = _held(live, name, known)
            while sum(len(batch.items) for batch in held) < ahead and campaign.ask([name], 1, batch_size=ahead):
                held, settled = _held(live, name, known)
            return Held(
                batches=[
                    HeldBatch(id=batch.id, ends=batch.lease_end, items=[Item(item=name_of(i)) for i in batch.items])
                    for batch in held
                ],
                drop=[name_of(i) for i in settled],
                state=_state(live, name, has_work=bool(held)),
                now=live.clock(),
            )

        return _json(await live.writer.do(fill))

    @routes.post("/events", response_model=Fates, dependencies=[is_signed])
    async def events(told: Events, link: Link) -> Response:
        """What I did, in order. Everything that is not refused is on disk when the response comes."""

        def take() -> Fates:
            name = annotator_of(link).name
            results = [_take(live, name, event) for event in told.events]
            drop = [name_of(i) for i in _held(live, name, known)[1]]
            return Fates(results=results, n_answered=campaign.n_answered(name), drop=drop)

        return _json(await live.writer.do(take))

    return routes


def _json(reply: Held | Fates) -> Response:
    return Response(reply.model_dump_json(), media_type="application/json")


def _take(live: LiveCampaign, name: str, event: Event) -> Fate:
    try:
        if event.undoes is not None:
            is_new = live.campaign.undo(name, event.undoes.bytes)
        else:
            item = live.item_names.item(event.item)
            answer = Answer(item, event.label, event.response_ms, event.id.bytes, event.reason)
            receipt = live.campaign.tell(event.batch, [answer], annotator=name)
            if receipt.refused:
                detail = "You have said something else about this image before; undo that first."
                return Fate(id=event.id, status="refused", detail=detail)
            is_new = bool(receipt.n_accepted)
    except AnswerError as error:
        does_not_fit = "This answer does not fit what was asked here; load the page again."  # and no item's number
        return Fate(id=event.id, status="refused", detail=str(error) if event.undoes else does_not_fit)
    return Fate(id=event.id, status="kept" if is_new else "repeated")


def _held(live: LiveCampaign, name: str, known: frozenset[int]) -> tuple[list[Batch], list[int]]:
    """The batches of one annotator with what is to be answered, and the items that are settled without them."""
    campaign = live.campaign
    if campaign.is_auditing and name not in campaign.config.promise.trusted:
        return [], [i for batch in campaign.leased(name) for i in batch.items]
    risk, config = campaign.estimate.risk, campaign.config
    asks_about_settled = config.sampler.fill_batches or config.promise.target_accuracy is not None
    max_risk = 0.0 if asks_about_settled else config.max_risk
    held, settled = [], []
    for batch in campaign.leased(name):
        is_settled = {i: i not in known and bool(risk[i] < max_risk) for i in batch.items}
        settled += [i for i in batch.items if is_settled[i]]
        rest = tuple(i for i in batch.items if not is_settled[i])
        if rest:
            held.append(Batch(batch.id, batch.annotator, rest, batch.lease_end))
    return held, settled


def _state(live: LiveCampaign, name: str, *, has_work: bool) -> State:
    campaign = live.campaign
    standing = campaign.standing(name)
    if standing in (Standing.BANNED, Standing.UNQUALIFIED):
        return State(standing.value)
    if has_work:
        return State.WORKING
    if campaign.is_paused:
        return State.PAUSED
    if campaign.stopped:
        return State.FINISHED
    is_auditor = name in campaign.config.promise.trusted
    if is_auditor == campaign.is_auditing:
        return State.WAITING
    return State.AUDITOR if is_auditor else State.AUDITED


def _classes_for(who: Invitation, live: LiveCampaign) -> list[Class]:
    """In an order of this annotator's own, so that no class is favoured by its place; a new link changes no key."""
    order = np.arange(len(live.classes))
    if live.page.shuffle_classes:
        first = min(one.id for one in live.campaign.invitations() if one.name == who.name)
        generator(live.campaign.seed, "class order", first).shuffle(order)
    return [
        Class(
            label=y,
            name=one.name,
            description=one.description,
            aliases=one.aliases,
            group=one.parent,
            n_examples=len(one.examples),
        )
        for y in order.tolist()
        for one in [live.classes[y]]
    ]
