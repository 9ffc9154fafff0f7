"""How the pages look and behave: table [page] of a campaign's askless.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from askless.config_errors import sentence
from askless.data.durable import replace_text
from askless.errors import ConfigError


class PageSettings(BaseModel):
    """What a manager may set without touching the campaign's method; read when serving begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field("", description="What people read above the pictures; empty means the name of the folder.")
    price_per_answer: float = Field(0, ge=0, allow_inf_nan=False, description="What one answer costs.")
    currency: str = Field("EUR", description="Of that price.")
    refresh_answers: int = Field(200, ge=1, description="New answers after which everything is inferred anew.")
    refresh_seconds: float = Field(
        30, gt=0, allow_inf_nan=False, description="Seconds after which it is, if there is any new answer."
    )
    ahead: int = Field(8, ge=1, le=100, description="Pictures that an annotator's page holds ready.")
    confirm: bool = Field(False, description="Whether an answer needs a second key.")
    shuffle_classes: bool = Field(True, description="Whether each annotator sees the classes in an own, fixed order.")


def read_page_settings(file: Path) -> PageSettings:
    """The table [page] of an askless.toml; without one all is as it is if nothing is said.

    Raises:
        ConfigError: the file cannot be read, or the table holds what is no setting.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The settings {file} cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The settings {file} are not valid TOML: {error}.") from error
    return _parse(text, file)


def change_price(file: Path, price: float) -> PageSettings:
    """Writes another price per answer into table [page] of an askless.toml, whose other lines stay as they are.

    Returns:
        The settings as they are then.

    Raises:
        ConfigError: as `read_page_settings`; nothing is written then.
    """
    read_page_settings(file)
    line = f"price_per_answer = {float(price)!r}"
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    heading = next((i for i, text in enumerate(lines) if re.fullmatch(r"\s*\[\s*page\s*\]\s*(#.*)?", text)), None)
    if heading is None:
        lines += ["", "[page]", line]
    else:
        end = next((i for i in range(heading + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
        kept = [text for text in lines[heading + 1 : end] if not re.match(r"\s*price_per_answer\s*=", text)]
        lines[heading + 1 : end] = [line, *kept]
    changed = "\n".join(lines) + "\n"
    try:
        settings = _parse(changed, file)
    except ConfigError:
        raise ConfigError(f"The price cannot be written into {file}; write the table as [page] on a line.") from None
    replace_text(file, changed)
    return settings


def _parse(text: str, file: Path) -> PageSettings:
    try:
        table: dict[str, Any] = tomllib.loads(text).get("page", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The settings {file} are not valid TOML: {error}.") from error
    try:
        return PageSettings.model_validate(table)
    except ValidationError as invalid:
        keys = list(PageSettings.model_fields)
        raise ConfigError(
            f"Table [page] of {file}: " + " ".join(sentence(error, keys) for error in invalid.errors())
        ) from None
