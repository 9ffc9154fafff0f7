"""/api/manage: what the manager's page reads and orders. A viewer reads; an admin orders, too.

Whatever is read has a version. Who names it by `?since=` is sent nothing (204) while it is still the same.
"""

from hashlib import blake2b
from itertools import chain, islice
from typing import Annotated, Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from askless.data.labels_out.formats import find_format
from askless.data.labels_out.item_images import bare_image
from askless.errors import ConfigError
from askless.server.access import person
from askless.server.archive import stream_zip
from askless.server.live import LiveCampaign
from askless.server.manage_replies import (
    Annotators,
    ChosenAnnotator,
    ChosenInvitation,
    Confusions,
    Curves,
    GivenLink,
    InvitationLink,
    Invitations,
    Items,
    NewInvitation,
    Reply,
    SettingsChange,
    Sort,
    Summary,
)
from askless.server.overview import Overview
from askless.server.refusals import REFUSALS, Refusal
from askless.server.settings import change_price
from askless.types import Invitation
from askless.workspace import feature_licences, outcome_of

MAX_PAGE = 60
DAY = 86400.0

Answers = dict[int | str, dict[str, Any]]
Since = Annotated[str, Query(max_length=64)]


def router(live: LiveCampaign) -> APIRouter:
    """The routes for one live campaign."""
    not_granted: Answers = {400: {"model": Refusal, "description": "It cannot be, and the sentence says why."}}
    routes = APIRouter(prefix="/api/manage", tags=["manage"], responses=REFUSALS | not_granted)
    overview = Overview(live)
    campaign = live.campaign
    Reader = Annotated[Invitation, Depends(person(live, "viewer", "admin"))]
    Admin = Annotated[Invitation, Depends(person(live, "admin"))]
    unchanged: Answers = {204: {"description": "It is as the one that the client has."}}
    known: Answers = {200: {"model": GivenLink, "description": "The link that they have already."}}
    in_use: Answers = {409: {"model": Refusal, "description": "It is the link of whoever asks."}}
    a_zip: Answers = {200: {"content": {"application/zip": {}}, "description": "A zip."}}

    @routes.get("/summary", response_model=Summary, responses=unchanged)
    def summary(who: Reader, since: Since = "") -> Response:
        """How it goes: images, answers, cost, accuracy, inference."""
        return _news(overview.summary(who.role), since)

    @routes.get("/curves", response_model=Curves, responses=unchanged)
    def curves(_: Reader, since: Since = "") -> Response:
        """How it went: a row per inference, and answers per hour."""
        return _news(overview.curves(), since)

    @routes.get("/annotators", response_model=Annotators, responses=unchanged)
    def annotators(_: Reader, since: Since = "") -> Response:
        """Who answers, how much, how fast, how well."""
        return _news(overview.annotators(), since)

    @routes.get("/confusion", response_model=Confusions, responses=unchanged)
    def confusion(_: Reader, since: Since = "") -> Response:
        """What people take for what."""
        return _news(overview.confusion(), since)

    @routes.get("/items", response_model=Items, responses=unchanged)
    def items(
        _: Reader,
        sort: Sort = "risk",
        start: Annotated[int, Query(ge=0, le=10**9)] = 0,
        n: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 12,
        since: Since = "",
    ) -> Response:
        """Images to look at, the most remarkable first, with who said what."""
        return _news(overview.items(sort, start, n), since)

    @routes.get("/invitations", response_model=Invitations, responses=unchanged)
    def invitations(_: Reader, since: Since = "") -> Response:
        """Who is invited; the links are not in it."""
        return _news(overview.invitations(), since)

    @routes.get("/invitations/{id}/link")
    def link(_: Admin, id: int, request: Request) -> InvitationLink:
        """The link of an invitation, once more."""
        return _link(_invitation(id), request)

    @routes.get("/export/{form}", response_class=StreamingResponse, responses=a_zip)
    def export(_: Reader, form: str) -> StreamingResponse:
        """The labels as of the last inference, in a format of `askless export`, as a zip."""
        try:
            make_files = find_format(form)
        except ConfigError as error:
            raise HTTPException(404, str(error)) from error
        root = live.place.root
        outcome = outcome_of(campaign, root.name, feature_licences(root))
        images = outcome.result.dataset.images or ()
        chunks = stream_zip(make_files(outcome), lambda item: bare_image(images[item], root))
        begun = list(islice(chunks, 2))  # what cannot be made fails here, while a status can still say so
        name = quote(f"{root.name}-{form}.zip")
        return StreamingResponse(
            chain(begun, chunks),
            media_type="application/zip",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    @routes.post("/pause", status_code=204)
    def pause(_: Admin) -> None:
        """Hands out nothing until `resume`."""
        campaign.pause()

    @routes.post("/resume", status_code=204)
    def resume(_: Admin) -> None:
        """Ends a pause."""
        campaign.resume()

    @routes.post("/settings", status_code=204)
    def settings(_: Admin, change: SettingsChange) -> None:
        """Other settings from now on."""
        given = change.model_dump(exclude_unset=True)
        price = given.pop("price", None)
        full = {"max_per_item": "sampler.max_per_item", "gold_rate": "annotators.gold_rate"}
        changes = {full.get(name, name): value for name, value in given.items()}
        if changes:
            campaign.change(**changes)
        if price is not None:
            live.page = change_price(live.place.settings, price)

    @routes.post("/invitations", status_code=201, responses=known)
    def invite(_: Admin, wanted: NewInvitation, request: Request, response: Response) -> GivenLink:
        """A personal link for somebody."""
        invitation = None if wanted.is_new else live.invited(wanted.name, wanted.role)
        is_new = invitation is None
        if invitation is None:
            ends = None if wanted.days is None else live.clock() + wanted.days * DAY
            invitation = _invitation(campaign.invite(wanted.name, wanted.role, ends))
        else:
            response.status_code = 200
        return GivenLink(**_link(invitation, request).model_dump(), is_new=is_new)

    @routes.post("/revoke", status_code=204, responses=in_use)
    def revoke(who: Admin, chosen: ChosenInvitation) -> None:
        """Takes an invitation back; its link ends."""
        _invitation(chosen.id)
        if chosen.id == who.id:
            raise HTTPException(409, "This is the link that you are using; take it back with another one.")
        campaign.revoke(chosen.id)

    @routes.post("/ban", status_code=204)
    def ban(_: Admin, chosen: ChosenAnnotator) -> None:
        """Asks somebody nothing more; what they said counts no longer."""
        _check_known(chosen.name)
        campaign.ban(chosen.name)

    @routes.post("/unban", status_code=204)
    def unban(_: Admin, chosen: ChosenAnnotator) -> None:
        """Undoes a ban."""
        _check_known(chosen.name)
        campaign.unban(chosen.name)

    def _invitation(id: int) -> Invitation:
        found = campaign.invitation(id)
        if found is None:
            raise HTTPException(404, f"There is no invitation {id}; see who is invited.")
        return found

    def _check_known(name: str) -> None:
        if name not in campaign.annotators:
            raise HTTPException(404, f"Nobody called {name!r} has answered here; see who has.")

    def _link(invitation: Invitation, request: Request) -> InvitationLink:
        link = live.link(invitation.id, live.public_url or str(request.base_url))
        qr = segno.make(link, micro=False).svg_data_uri(scale=4, border=2)
        return InvitationLink(id=invitation.id, link=link, qr=qr, ends=invitation.ends)

    return routes


def _news(reply: Reply, since: str) -> Response:
    """The reply with its version, or nothing if that is the one that the client has."""
    reply.version = blake2b(reply.model_dump_json().encode(), digest_size=8).hexdigest()
    if reply.version == since:
        return Response(status_code=204)
    return Response(reply.model_dump_json(), media_type="application/json")
