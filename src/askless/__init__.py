"""askless: label large image sets with as few human answers as possible."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askless.campaign import Campaign as Campaign
    from askless.config import preset as preset
    from askless.core.infer import infer as infer
    from askless.core.sampler import plan as plan
    from askless.errors import AnswerError as AnswerError
    from askless.errors import AsklessError as AsklessError
    from askless.errors import ConfigError as ConfigError
    from askless.errors import DataError as DataError
    from askless.errors import StoreError as StoreError
    from askless.estimators import DawidSkene as DawidSkene
    from askless.estimators import MajorityVote as MajorityVote
    from askless.results import Receipt as Receipt
    from askless.results import Result as Result
    from askless.results import Status as Status
    from askless.settings import CampaignConfig as CampaignConfig
    from askless.types import Annotations as Annotations
    from askless.types import Answer as Answer
    from askless.types import Batch as Batch
    from askless.types import Confusion as Confusion
    from askless.types import Dataset as Dataset
    from askless.types import Estimate as Estimate
    from askless.types import Features as Features
    from askless.types import Prototypes as Prototypes

_PUBLIC = {
    "askless.campaign": "Campaign",
    "askless.config": "preset",
    "askless.settings": "CampaignConfig",
    "askless.core.infer": "infer",
    "askless.core.sampler": "plan",
    "askless.errors": "AnswerError AsklessError ConfigError DataError StoreError",
    "askless.estimators": "DawidSkene MajorityVote",
    "askless.results": "Receipt Result Status",
    "askless.types": "Annotations Answer Batch Confusion Dataset Estimate Features Prototypes",
}
_HOME = {name: home for home, names in _PUBLIC.items() for name in names.split()}

__version__ = version("askless")
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import askless` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'askless' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
