"""What is wrong with a setting, in one sentence."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

PLAIN = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": 'a list, such as ["a", "b"]',
    "dict": "a table, such as {eve = 0.5}",
    "string": "a text",
}
"""What pydantic's kinds of value are called."""


ENDS = {"gt": "greater than", "ge": "greater than or equal to", "lt": "less than", "le": "less than or equal to"}
"""Of a range, as pydantic names them and says them."""


def sentence(error: Any, keys: Sequence[str], model: type[BaseModel] | None = None) -> str:
    """One sentence for an error of pydantic: what came, what is allowed.

    Args:
        error: one of `ValidationError.errors()`.
        keys: all settings there are.
        model: that was validated; it knows both ends of a range.
    """
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"There is no setting {key!r}; {_choose_key(key, keys)}"
    came = error["input"]
    if error["type"] == "value_error" and not isinstance(came, str):
        return f"{error['ctx']['error']}."
    if error["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{key}={came!r} is not known; {choose(str(came), allowed)}"
    if error["type"] == "value_error":
        return f"{key}={came!r} is not known; {error['ctx']['error']}."
    if error["type"] == "model_type":
        return f"{key}={came!r} is a group of settings; {_choose_key(key, keys)}"
    if error["type"] == "string_too_short" and not came:
        return f"{key} is empty; give a {key}."
    kind = error["type"].partition("_")[0]
    if kind in PLAIN:
        return f"{key}={came!r} does not fit: allowed is {PLAIN[kind]}."
    ends = _ends(error["loc"], model) if model and error["type"].startswith(("greater_than", "less_than")) else []
    if ends:
        return f"{key}={came!r} does not fit: allowed is {' and '.join(ends)}."
    rule = error["msg"].replace("Input should be", "allowed is", 1)
    return f"{key}={came!r} does not fit: {rule[0].lower()}{rule[1:]}."


def _ends(place: Sequence[int | str], model: Any) -> list[str]:
    """In words, of the field at this place; none for a place within a field."""
    field: Any = None
    for name in place:
        fields = getattr(model, "model_fields", {})
        if name not in fields:
            return []
        field = fields[name]
        model = field.annotation
    return [
        f"{words} {getattr(rule, end)}" for end, words in ENDS.items() for rule in field.metadata if hasattr(rule, end)
    ]


def _choose_key(came: str, keys: Sequence[str]) -> str:
    """All keys of the group that was named, or of the top; the nearest of all."""
    group = came.partition(".")[0] + "."
    top = dict.fromkeys(key if "." not in key else key.partition(".")[0] + ".*" for key in keys)
    return choose(came, [key for key in keys if key.startswith(group)] or list(top), keys)


def choose(came: str, allowed: Sequence[str], candidates: Sequence[str] | None = None) -> str:
    """What is allowed, led by the one that was probably meant."""
    near = difflib.get_close_matches(came, candidates or allowed, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? Allowed" if near else "allowed"
    return f"{hint}: {', '.join(allowed)}."
