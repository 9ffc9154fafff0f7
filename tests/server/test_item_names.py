"""Names of items: found again, different from each other and from campaign to campaign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.server.item_names import ItemNames

SECRETS = st.binary(min_size=32, max_size=32)


@given(SECRETS, st.integers(0, 2**64 - 1))
def test_a_name_leads_back_to_its_item(secret: bytes, item: int) -> None:
    names = ItemNames(secret)
    assert names.item(names.name(item)) == item


@given(SECRETS, st.text("0123456789abcdef", min_size=16, max_size=16))
def test_whatever_looks_like_a_name_is_that_of_one_number(secret: bytes, name: str) -> None:
    names = ItemNames(secret)
    assert names.name(names.item(name)) == name


def test_another_campaign_has_other_names() -> None:
    one, two = (ItemNames(bytes([i]) * 32) for i in range(2))
    assert not {one.name(i) for i in range(200)} & {two.name(i) for i in range(200)}


@pytest.mark.parametrize("bit", range(64))
def test_neighbours_have_nothing_in_common(bit: int) -> None:
    """Each bit of a name is set for about half of the items in a row."""
    names = ItemNames(b"s" * 32)
    n_set = sum(int(names.name(i), 16) >> bit & 1 for i in range(400))
    assert 130 < n_set < 270
