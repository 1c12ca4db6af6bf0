"""Names of objects."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_storage.cloud import keys

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@given(NAMES)
def test_any_name_comes_back_from_a_safe_key(name: str) -> None:
    escaped = keys.escape(name)
    assert keys.unescape(escaped) == name
    assert re.fullmatch(r"[A-Za-z0-9_!-]{1,200}(/[A-Za-z0-9_!-]{1,200})*", escaped)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("tasks", "tasks"),
        ("boards/42", "boards!2F42"),
        (".", "!2E"),
        ("é!", "!C3!A9!21"),
        ("a" * 201, "a" * 200 + "/a"),
    ],
)
def test_names_are_readable(name: str, escaped: str) -> None:
    assert keys.escape(name) == escaped


@pytest.mark.parametrize("name", ["é" * 256, "/" * 512, "a" * 512])
def test_the_longest_names_leave_room_for_a_prefix(name: str) -> None:
    key = keys.snapshot_key(name, 10**10 - 1, 10**20 - 1)
    assert len(key) + 256 + 1 <= 1024
    assert keys.unescape(keys.escape(name)) == name


@pytest.mark.parametrize("escaped", ["a.b", "a!2f", "!41", "!!YQ", "!ZZ", "a/b"])
def test_what_is_no_name_is_refused(escaped: str) -> None:
    with pytest.raises(ValueError, match=r"no name|decode"):
        keys.unescape(escaped)


def test_keys_say_number_and_epoch_and_others_do_not() -> None:
    assert keys.number_of(keys.slot_key(7)) == 7
    assert keys.epoch_of(keys.snapshot_key("a/0000000003", 12, 5)) == 12
    assert keys.epoch_of(keys.pack_key(3, 5)) == 3
    for key in ("wal/7", "wal/x", "", "snap/a/b", f"snap/a/b/{7:020}", f"log/{7:020}"):
        assert keys.epoch_of(key) is None
    assert keys.number_of("wal/7") is None
