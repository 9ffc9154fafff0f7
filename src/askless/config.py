"""Settings from presets by the paper's names, a file, and the paper's `a.b=c` overrides.

A setting is found at one place only. Later sources win: defaults, `experiment` preset, `learner_method` preset,
`simulation` preset, `hyperparams`, file, overrides. The names of the paper's code are understood everywhere
(`paper_names`).
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from askless.config_errors import choose, sentence
from askless.errors import ConfigError
from askless.paper_names import PAPER_KEYS, PAPER_VALUES
from askless.settings import CampaignConfig, SimulationConfig

Model = TypeVar("Model", bound=BaseModel)

CHANGEABLE = (
    "max_risk",
    "batch_size",
    "budget",
    "lease_seconds",
    "sampler.max_per_item",
    "sampler.max_per_annotator",
    "annotators.gold_rate",
    "annotators.n_qualification",
    "annotators.qualification_share",
    "annotators.prices",
    "promise.target_accuracy",
    "promise.auditors",
    "promise.max_audit_share",
)
"""Settings that no inference depends on, so that they can change while a campaign is under way."""

TABLES = ("annotators.prices",)
"""Settings that are tables, and no groups of settings."""

GROUPS = ("experiment", "learner_method", "simulation")


def preset(name: str) -> CampaignConfig:
    """A method of the paper by its name, as the configuration of a campaign.

    Raises:
        ConfigError: there is no such preset.
    """
    return _validated(CampaignConfig, _nested(_read_preset("learner_method", name)))


def experiment_classes(name: str) -> tuple[str, ...]:
    """The classes of an experiment of the paper, in its order.

    Raises:
        ConfigError: there is no such preset.
    """
    return tuple(_read_preset("experiment", name)["classes"])


def preset_names(group: str) -> list[str]:
    """The presets of one of `GROUPS`, sorted."""
    folder = resources.files("askless") / "presets" / group
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def compose(overrides: Iterable[str] = (), file: Path | None = None, *, table: str | None = None) -> SimulationConfig:
    """The configuration of a simulation from presets, an optional TOML file and `a.b=c` overrides.

    Args:
        overrides: win over the file.
        file: of settings.
        table: which table of the file holds them; none means that all of it is settings.

    Raises:
        ConfigError: an override without `=`, an unreadable file, an unknown key or value.
    """
    read = read_toml(file) if file else {}
    given = _in_own_words(read if table is None else read.get(table, {}))
    for text in overrides:
        given |= _parse_override(text)
    settings: dict[str, Any] = {}
    for group in GROUPS:
        name = given.get(group, SimulationConfig.model_fields[group].default)
        if name is not None:
            settings |= _read_preset(group, name)
    if given.get("hyperparams") == "tuned":
        settings |= _tuned(given.get("experiment"), (settings | given).get("learner.semi_supervised", "none"))
    return _validated(SimulationConfig, _nested(settings | given))


def read_toml(file: Path) -> dict[str, Any]:
    """All tables of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"The configuration file {file} cannot be read ({error.strerror}); check its path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {file} is not valid TOML: {error}.") from error


def config_from_settings(settings: dict[str, Any]) -> SimulationConfig:
    """Takes back what `SimulationConfig.to_settings` gave."""
    return _validated(SimulationConfig, settings)


def settings_table(overrides: Iterable[str]) -> dict[str, Any]:
    """`a.b=c` overrides as a table of TOML that `compose` reads.

    Raises:
        ConfigError: an override without `=`.
    """
    given: dict[str, Any] = {}
    for text in overrides:
        given |= _parse_override(text)
    return _nested({key: "none" if value is None else value for key, value in given.items()})


def change(config: CampaignConfig, settings: Mapping[str, Any]) -> CampaignConfig:
    """The same with other values for some of `CHANGEABLE`; groups may be given as tables or with dots.

    Raises:
        ConfigError: another setting, or a value that is not allowed.
    """
    changes = dict(_flat(settings))
    for key in changes:
        if key not in CHANGEABLE:
            raise ConfigError(f"{key} cannot change while a campaign is under way; {choose(key, CHANGEABLE)}")
    return _validated(CampaignConfig, _nested(dict(_flat(config.model_dump())) | changes))


def describe_settings() -> Iterator[tuple[str, str, str, str]]:
    """Key, what it is if nothing is said, allowed values and meaning of every setting of a simulation."""
    plain = dict(_flat(compose().model_dump()))
    for key, field in _fields():
        value = list(plain[key]) if isinstance(plain[key], tuple) else plain[key]
        default = "none" if value is None else str(value)
        if key in GROUPS:
            allowed = ", ".join(preset_names(key))
        elif get_origin(field.annotation) is Literal:
            allowed = ", ".join(get_args(field.annotation))
        elif field.annotation is bool:
            default, allowed = default.lower(), "true, false"
        else:
            bounds = [
                f"{sign} {getattr(rule, name)}"
                for rule in field.metadata
                for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
                if hasattr(rule, name)
            ]
            allowed = " and ".join(bounds)
        yield key, default, allowed, field.description or ""


def _read_preset(group: str, name: object) -> dict[str, Any]:
    names = preset_names(group)
    if name not in names:
        raise ConfigError(f"There is no {group} {name!r}; {choose(str(name), names)}")
    text = (resources.files("askless") / "presets" / group / f"{name}.toml").read_text()
    return dict(_flat(tomllib.loads(text)))


def _tuned(experiment: str | None, semi_supervised: str) -> dict[str, Any]:
    """The learner's settings that the paper's authors tuned for an experiment and a way to use unannotated items."""
    tuned = _read_preset("hyperparams", "tuned")
    experiments = list(dict.fromkeys(key.partition(".")[0] for key in tuned))
    if experiment not in experiments:
        raise ConfigError(
            f"The paper tuned nothing for experiment={experiment or 'none'}; set hyperparams=default, "
            f"or choose one of {', '.join(experiments)}."
        )
    prefix = f"{experiment}.{semi_supervised}."
    return {f"learner.{key.removeprefix(prefix)}": value for key, value in tuned.items() if key.startswith(prefix)}


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, raw = text.partition("=")
    if not (key and equals):
        raise ConfigError(f"{text!r} is no setting; write it as key=value, for example seed=3.")
    is_text = any(name == _own_key(key) and field.annotation in (str, str | None) for name, field in _fields())
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = {"True": True, "False": False}.get(raw, raw)
    if is_text and not isinstance(value, str):
        value = raw
    return _in_own_words({key: value})


def _in_own_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flat, with the paper's names replaced by ours."""
    return {_own_key(key): _own_value(key, value) for key, value in _flat(settings)}


def _own_key(key: str) -> str:
    return PAPER_KEYS.get(key, key)


def _own_value(key: str, value: Any) -> Any:
    if value in ("none", "null", "None") and _allows_none(_own_key(key)):
        return None
    if not isinstance(value, str):
        return value
    return PAPER_VALUES.get((key, value)) or PAPER_VALUES.get((_own_key(key), value), value)


def _fields(model: type[BaseModel] = SimulationConfig, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _allows_none(key: str) -> bool:
    return any(name == key and field.default is None for name, field in _fields())


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and prefix + name not in TABLES:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Undoes `_flat`."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *groups, name = key.split(".")
        branch = tree
        for group in groups:
            inner = branch.setdefault(group, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{group}={inner!r} leaves no room for {key}; give only one of them.")
            branch = inner
        branch[name] = value
    return tree


def _validated(model: type[Model], settings: dict[str, Any]) -> Model:
    try:
        return model.model_validate(settings)
    except ValidationError as invalid:
        raise ConfigError(
            " ".join(sentence(error, [key for key, _ in _fields()], model) for error in invalid.errors())
        ) from None
