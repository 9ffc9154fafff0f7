"""Comma lists: where they are parted, what they combine to, what folders are called."""

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.config import compose
from askless.errors import ConfigError
from askless.simulate import variants as module
from askless.simulate.variants import expand, name_all

WORD = st.text("abcxyz019._-/", min_size=1, max_size=6)
QUOTED = st.builds("{0}{1}{0}".format, st.sampled_from("\"'"), st.text("ab,[]{} =", max_size=6))
BRACKETED = st.builds("[{}]".format, st.lists(WORD | QUOTED, max_size=3).map(",".join))
TABLE = st.builds("{{a = {}, b = {}}}".format, BRACKETED, WORD)
VALUE = WORD | QUOTED | BRACKETED | TABLE


def parts(text: str) -> list[str]:
    return [override.removeprefix("key=") for override in module._split(f"key={text}")]


@given(values=st.lists(VALUE, min_size=1, max_size=5), space=st.sampled_from(["", " "]))
def test_a_list_is_parted_where_it_was_joined(values: list[str], space: str) -> None:
    assert parts(f",{space}".join(values)) == values


@given(text=st.text(",'\"[]{}\\ab \n", max_size=20))
def test_whatever_comes_is_split_without_loss_or_refused(text: str) -> None:
    try:
        found = parts(text)
    except ConfigError:
        assert re.search(r"(^|,)\s*(,|$)", text)
    else:
        assert re.sub(r"\s", "", ",".join(found)) == re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lean,ds_model", ["lean", "ds_model"]),
        ("0, 1,2 ", ["0", "1", "2"]),
        ('["a","b"]', ['["a","b"]']),
        ("[0,1],[2]", ["[0,1]", "[2]"]),
        ("{max_epochs=1,hidden_size=2}", ["{max_epochs=1,hidden_size=2}"]),
        ("'my, own',other", ["'my, own'", "other"]),
        (r'"say \",\"",b', [r'"say \",\""', "b"]),
        ("it's,that's", ["it's", "that's"]),
        ("a=b,c", ["a=b", "c"]),
        ("[1,2", ["[1,2"]),
        (" x ", [" x "]),
        ("", [""]),
    ],
)
def test_parts(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


def test_one_value_each_is_one_simulation() -> None:
    (only,) = expand(["seed=3", 'classes=["cat","dog"]', "features=a.npy", "images=a.txt"])
    assert only.varied == {}
    assert only.config.classes == ("cat", "dog")
    assert expand()[0].config == compose()


def test_every_combination_in_order() -> None:
    lists = (["lean", "ds_model"], ["1e-3", "0.2"], ["0", "1", "2"])
    found = expand(["learner_method=lean,ds_model", "batch_size=7", "risk_thres=1e-3,0.2", "seed=0,1,2"])
    assert [tuple(variant.varied.values()) for variant in found] == list(product(*lists))
    for variant, (method, risk, seed) in zip(found, product(*lists), strict=True):
        alone = [f"learner_method={method}", "batch_size=7", f"risk_thres={risk}", f"seed={seed}"]
        assert variant.config == compose(alone)
        assert variant.name == f"learner_method={method},risk_thres={risk},seed={seed}"
    assert name_all(found) == "learner_method=lean,ds_model-risk_thres=1e-3,0.2-seed=0,1,2"


def test_a_file_holds_what_is_fixed_and_its_lists_are_values(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('features = "a.npy"\nimages = "a.txt"\nclasses = ["cat", "dog"]\nseed = 4\n')
    found = expand(["seed=5,6"], file)
    assert [variant.config.seed for variant in found] == [5, 6]
    assert {variant.config.classes for variant in found} == {("cat", "dog")}


@given(values=st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=4, unique=True))
def test_folders_are_unlike_and_fit_everywhere(values: list[str]) -> None:
    names = module._unlike([f"dataset={value}" for value in values])
    assert len({name.casefold() for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w.=,+-]+", name, re.ASCII) and len(name) < 130 for name in names)


def test_names_that_come_to_the_same_are_numbered() -> None:
    found = expand(["dataset=a/b,a:b,A-B,c"])
    assert [variant.name for variant in found] == ["1-dataset=a-b", "2-dataset=a-b", "3-dataset=A-B", "dataset=c"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=0,,1"], "'seed=0,,1' has an empty place in its list; write values between commas"),
        (["seed=0,"], "'seed=0,' has an empty place"),
        (["seed=,0"], "'seed=,0' has an empty place"),
        (["seed=0,1,0"], "'seed=0' and 'seed=0' are the same simulation; give each value once"),
        (["budget=none,null"], "'budget=none' and 'budget=null' are the same simulation"),
        (["max_risk=0.1,0.10"], "'max_risk=0.1' and 'max_risk=0.10' are the same simulation"),
        (["seed=0,1", "seed=4"], "one list for a setting"),
        (["seed=0,x"], "seed='x' does not fit"),
        (["learner_method=lean,leen"], "There is no learner_method 'leen'; did you mean 'lean'?"),
        (["classes,seed"], "'classes,seed' is no setting"),
    ],
)
def test_what_is_wrong_is_one_sentence(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expand(overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
