"""askless: label large image sets with as few human answers as possible."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askless.campaign import Campaign
    from askless.config import CampaignConfig, preset
    from askless.core.infer import infer
    from askless.core.sampler import plan
    from askless.errors import AnswerError, AsklessError, ConfigError, DataError, StoreError
    from askless.results import Receipt, Result, Status
    from askless.types import Annotations, Answer, Batch, Confusion, Dataset, Estimate, Features, Prototypes

_HOMES = {
    "askless.campaign": ["Campaign"],
    "askless.config": ["CampaignConfig", "preset"],
    "askless.core.infer": ["infer"],
    "askless.core.sampler": ["plan"],
    "askless.errors": ["AnswerError", "AsklessError", "ConfigError", "DataError", "StoreError"],
    "askless.results": ["Receipt", "Result", "Status"],
    "askless.types": [
        "Annotations",
        "Answer",
        "Batch",
        "Confusion",
        "Dataset",
        "Estimate",
        "Features",
        "Prototypes",
    ],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = version("askless")
__all__ = [  # noqa: RUF022, PLE0604 - the names that we promise, each imported when it is first used
    "__version__",
    "AnswerError",
    "Annotations",
    "Answer",
    "AsklessError",
    "Batch",
    "Campaign",
    "CampaignConfig",
    "ConfigError",
    "Confusion",
    "DataError",
    "Dataset",
    "Estimate",
    "Features",
    "Prototypes",
    "Receipt",
    "Result",
    "Status",
    "StoreError",
    "infer",
    "plan",
    "preset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'askless' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
