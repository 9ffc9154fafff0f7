"""The formats of `askless export` by name."""

from collections.abc import Callable, Iterator
from functools import partial

from askless.data.labels_out.card import dataset_card
from askless.data.labels_out.crowd_tables import to_cleanlab, to_crowdkit
from askless.data.labels_out.files import File
from askless.data.labels_out.image_folders import to_fiftyone, to_huggingface, to_imagefolder
from askless.data.labels_out.label_studio import to_label_studio
from askless.data.labels_out.outcome import Outcome
from askless.data.labels_out.plain import to_csv, to_jsonl, to_parquet, to_soft_labels
from askless.data.labels_out.sagemaker import to_sagemaker
from askless.errors import ConfigError

FORMATS: dict[str, Callable[[Outcome], Iterator[File]]] = {
    "csv": to_csv,
    "jsonl": to_jsonl,
    "parquet": to_parquet,
    "soft_labels": to_soft_labels,
    "imagefolder": to_imagefolder,
    "huggingface": to_huggingface,
    "fiftyone": to_fiftyone,
    "label_studio": to_label_studio,
    "sagemaker": to_sagemaker,
    "crowdkit": to_crowdkit,
    "cleanlab": to_cleanlab,
}


def find_format(form: str) -> Callable[[Outcome], Iterator[File]]:
    """Makes all files of an export, its dataset card (README.md for Hugging Face) included.

    What is returned raises DataError if the format needs images and there are none, or a library that is not
    installed.

    Raises:
        ConfigError: there is no such format.
    """
    if form not in FORMATS:
        raise ConfigError(f"There is no format {form!r}; allowed: {', '.join(FORMATS)}.")
    return partial(_with_card, form)


def _with_card(form: str, outcome: Outcome) -> Iterator[File]:
    yield "README.md" if form == "huggingface" else "dataset_card.md", [dataset_card(outcome).encode()]
    yield from FORMATS[form](outcome)
