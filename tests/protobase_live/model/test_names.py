"""Names and keys: what is accepted, and what the refusal says."""

import pytest

from protobase_live.errors import InvalidName
from protobase_live.model.names import (
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    check_author,
    check_collection,
    check_field,
    check_key,
    check_structure,
    known_collection,
)

EVERY_CHECK = [check_collection, check_structure, check_key, check_field]


@pytest.mark.parametrize(
    "name", ["tasks", "boards/42", "a b", "Überblick", "日本/語", "x" * MAX_NAME_BYTES, ".a"]
)
def test_good_collection_names(name):
    assert check_collection(name) == name
    assert check_structure(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "non-empty"),
        ("/tasks", "empty segment"),
        ("tasks/", "empty segment"),
        ("a//b", "empty segment"),
        ("a/../b", "'..'"),
        (".", "'.'"),
        ("a\nb", r"control character '\\n'"),
        ("a\x7f", "control character"),
        ("a\x9f", "control character"),
    ],
)
def test_bad_collection_names(name, said):
    for check in (check_collection, check_structure):
        with pytest.raises(InvalidName, match=said.replace(".", r"\.")):
            check(name)


@pytest.mark.parametrize("check", EVERY_CHECK)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "non-empty"),
        (7, "is a str, not 7"),
        (None, "is a str"),
        ("a\ud800", "surrogate"),
        (["a"], "is a str"),
    ],
)
def test_what_no_name_may_be(check, name, said):
    with pytest.raises(InvalidName, match=said):
        check(name)


@pytest.mark.parametrize("check", EVERY_CHECK)
def test_length_is_counted_in_bytes(check):
    assert MAX_KEY_BYTES == MAX_NAME_BYTES
    assert check("é" * (MAX_NAME_BYTES // 2))
    with pytest.raises(InvalidName, match=f"{MAX_NAME_BYTES + 2} bytes of UTF-8; at most {MAX_NAME_BYTES}"):
        check("é" * (MAX_NAME_BYTES // 2 + 1))


@pytest.mark.parametrize("name", ["records", "protobase:structures", "protobase:indexes", "protobase:x"])
def test_reserved_structures(name):
    with pytest.raises(InvalidName, match="reserved"):
        check_structure(name)


def test_reserved_collections():
    """They can be there, and are the server's own; the names of roots alone are free."""
    assert check_collection("records") == "records"
    assert known_collection("protobase:x") == "protobase:x"
    with pytest.raises(InvalidName, match="'protobase:x' is reserved"):
        check_collection("protobase:x")


def test_reserved_field():
    assert check_key("_key") == "_key"
    with pytest.raises(InvalidName, match="stands for the record's key"):
        check_field("_key")


def test_any_character_may_stand_in_a_key():
    assert check_key("/a//\n/../") == "/a//\n/../"


@pytest.mark.parametrize("author", [None, "ann", "a" * 512])
def test_an_author(author):
    assert check_author(author) == author


@pytest.mark.parametrize("author", [False, 0, "", "a" * 513, "\ud800", b"ann", object()])
def test_what_is_no_author(author):
    with pytest.raises(InvalidName, match=r"^(an )?author "):
        check_author(author)
