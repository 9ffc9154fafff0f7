"""What the manager's page is told and may say: the shapes of /api/manage."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from askless.server.insight import Flag
from askless.types import Role

MAX_NAME = 200

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
State: TypeAlias = Literal["running", "paused", "finished"]
Sort: TypeAlias = Literal["risk", "disputed", "broken"]


class Reply(BaseModel):
    """An answer that is not sent again to who has it: they name its `version`."""

    version: str = ""


class Share(BaseModel):
    """A share with its interval of 95 %, and of how many answers it is."""

    share: float
    low: float
    high: float
    n: int


class Images(BaseModel):
    """Items to label, by where they stand; their sum is `total`."""

    total: int
    finished: int
    open: int
    exhausted: int
    broken: int


class Cost(BaseModel):
    """Labels and what they cost. `to_come` is a forecast, low and high its bounds of 80 %; none
    while there is nothing to go by."""

    price: float
    currency: str
    spent: float
    to_come: float | None
    n_to_come: int | None
    n_to_come_low: int | None
    n_to_come_high: int | None
    budget: int | None


class Audited(BaseModel):
    """What audits have shown of a promised accuracy: images that they checked and how many labels of these they did
    not confirm, none while one is under way. The accuracy of all labels is from `low` to `high`, rounded outwards."""

    n: int
    n_wrong: int | None
    low: float
    high: float
    target: float
    confidence: float


class Accuracy(BaseModel):
    """What share of the labels is right, none before an inference; `rests_on` says in words who believes that, and
    what has checked it: gold, audits."""

    estimated: float | None
    gold: Share | None
    audited: Audited | None
    rests_on: str


class Inference(BaseModel):
    is_running: bool
    last_error: str | None
    last_seconds: float | None
    n_behind: int
    refreshed: float | None


class ManagedSettings(BaseModel):
    budget: int | None
    max_risk: float
    max_per_item: int
    gold_rate: float
    price: float


class Summary(Reply):
    title: str
    role: Role
    state: State
    reason: str | None
    images: Images
    n_answers: int
    n_skips: int
    n_annotators: int
    n_active: int
    per_hour: float | None
    last_answer: float | None
    cost: Cost
    accuracy: Accuracy
    inference: Inference
    settings: ManagedSettings
    has_gold: bool
    notes: list[str]
    estimate: int
    formats: list[str]


class Curves(Reply):
    """One row per refresh, thinned, and one per hour with answers; times in seconds since 1970."""

    time: list[float]
    n_answers: list[int]
    finished: list[int]
    open: list[int | None]
    exhausted: list[int | None]
    accuracy: list[float | None]
    hour: list[float]
    per_hour: list[int]
    n_items: int


class Annotator(BaseModel):
    name: str
    standing: str
    n_answers: int
    n_skips: int
    median_ms: float | None
    last: float | None
    skill: Share | None
    gold: Share | None
    flags: list[Flag]
    same_as: list[str]


class Annotators(Reply):
    annotators: list[Annotator]


class Confused(BaseModel):
    """How often items of class `truth` are called `label`: a share of their answers, and how many that is."""

    truth: int
    label: int
    share: float
    n: float


class Confusions(Reply):
    """`shares` is a row per class, none where there are too many classes for a picture; `n` the answers behind it."""

    classes: list[str]
    shares: list[list[float]] | None
    n: list[float]
    top: list[Confused]


class Vote(BaseModel):
    annotator: str
    label: str | None
    reason: str | None
    is_banned: bool


class ItemView(BaseModel):
    item: int
    id: str
    status: str
    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    votes: list[Vote]


class Items(Reply):
    start: int
    total: int
    items: list[ItemView]


class InvitationView(BaseModel):
    id: int
    name: str
    role: Role
    ends: float | None
    is_revoked: bool


class Invitations(Reply):
    invitations: list[InvitationView]


class InvitationLink(BaseModel):
    """The link itself, and as a QR code: an SVG in a `data:` URI. Whoever has it is that person."""

    id: int
    link: str
    qr: str
    ends: float | None


class GivenLink(InvitationLink):
    """The link of whoever was to be invited; not `is_new` if they had it before."""

    is_new: bool


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewInvitation(_Order):
    """Who has a link in this role that is still good is given that one, unless `is_new` asks for another."""

    name: Name
    role: Role = "annotator"
    days: float | None = Field(30, gt=0, le=3650)
    is_new: bool = False


class ChosenInvitation(_Order):
    id: int


class ChosenAnnotator(_Order):
    name: Name


class SettingsChange(_Order):
    """What is not named stays as it is; a budget of null means none."""

    budget: int | None = Field(None, ge=1, le=10**12)
    max_risk: float = Field(0.1, ge=0, le=1)
    max_per_item: int = Field(3, ge=1, le=1000)
    gold_rate: float = Field(0.05, ge=0, lt=1)
    price: float = Field(0, ge=0, le=10**6, allow_inf_nan=False)
