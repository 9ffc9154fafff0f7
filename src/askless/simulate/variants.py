"""Comma lists of settings: `learner_method=lean,ds_model seed=0,1,2` stands for six simulations."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from askless.config import compose
from askless.errors import ConfigError
from askless.settings import SimulationConfig

MAX_NAME_LENGTH = 120
TOKEN = re.compile(r"""(?<!\w)"(?:\\.|[^"\\])*"|(?<!\w)'[^']*'|.""", re.DOTALL)
"""A quoted text, or one sign. After a letter a quote opens nothing: `it's`."""


@dataclass(frozen=True)
class Variant:
    """One simulation of several.

    Args:
        name: fit for a folder, unlike those of the others.
        varied: the settings for which several values were given, each with the one it has here, as it was written.
        config: all its settings.
    """

    name: str
    varied: Mapping[str, str]
    config: SimulationConfig


def expand(overrides: Sequence[str] = (), file: Path | None = None) -> list[Variant]:
    """Every combination of the comma lists among the overrides, the last list varying fastest; one without a list.

    Only commas outside brackets and quotes part a list: `classes=["cat","dog"]` is one value. In a file, lists are
    values.

    Raises:
        ConfigError: an empty place in a list, two combinations that are the same simulation, or what `compose` refuses.
    """
    lists = [_split(text) for text in overrides]
    found: dict[str, tuple[SimulationConfig, dict[str, str]]] = {}
    for chosen in product(*lists):
        config = compose(chosen, file)
        varied = dict(_key_and_value(text) for text, values in zip(chosen, lists, strict=True) if len(values) > 1)
        same = config.model_dump_json()
        if same in found:
            raise ConfigError(
                f"{_name(found[same][1])!r} and {_name(varied)!r} are the same simulation; give each value once, and "
                "one list for a setting."
            )
        found[same] = config, varied
    names = _unlike([_name(varied) for _, varied in found.values()])
    return [Variant(name, varied, config) for name, (config, varied) in zip(names, found.values(), strict=True)]


def name_all(variants: Sequence[Variant]) -> str:
    """What several variants are called together, fit for a folder."""
    values = {key: dict.fromkeys(variant.varied[key] for variant in variants) for key in variants[0].varied}
    return _fit_for_folder(" ".join(f"{key}={','.join(chosen)}" for key, chosen in values.items()))


def _split(text: str) -> list[str]:
    """An override for each value of its list."""
    key, _, raw = text.partition("=")
    parts, depth = [""], 0
    for sign in TOKEN.findall(raw):
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    if len(parts) == 1:
        return [text]
    values = [part.strip() for part in parts]
    if "" in values:
        raise ConfigError(
            f"{text!r} has an empty place in its list; write values between commas, as in seed=0,1,2, and a value that "
            "holds a comma in quotes."
        )
    return [f"{key}={value}" for value in values]


def _key_and_value(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _name(varied: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in varied.items())


def _fit_for_folder(name: str) -> str:
    return re.sub(r"[^\w.=,+-]+", "-", name, flags=re.ASCII)[:MAX_NAME_LENGTH]


def _unlike(names: Iterable[str]) -> list[str]:
    """Names fit for folders; those that would come to the same begin with their number, as no setting does."""
    folders = [_fit_for_folder(name) for name in names]
    count = Counter(folder.casefold() for folder in folders)
    return [
        folder if count[folder.casefold()] == 1 else f"{number}-{folder}"
        for number, folder in enumerate(folders, start=1)
    ]
