"""What is wrong with a setting, in one sentence."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

PLAIN = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": 'a list, such as ["a", "b"]',
    "dict": "a table, such as {eve = 0.5}",
    "string": "a text",
}
"""What pydantic's kinds of value are called."""


def sentence(error: Any, keys: Sequence[str]) -> str:
    """One sentence for an error of pydantic: what came, what is allowed. `keys` are all settings there are."""
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
    kind = error["type"].partition("_")[0]
    if kind in PLAIN:
        return f"{key}={came!r} does not fit: allowed is {PLAIN[kind]}."
    rule = error["msg"].replace("Input should be", "allowed is", 1)
    return f"{key}={came!r} does not fit: {rule[0].lower()}{rule[1:]}."


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
