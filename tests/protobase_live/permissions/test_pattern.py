import pytest

import protobase_live as pb
from protobase_live.permissions.pattern import Pattern


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("tasks", ["tasks"], ["task", "tasks2", "tasks/1", "Tasks", ""]),
        ("boards/*", ["boards/1", "boards/1/a", "boards/"], ["boards", "my/boards/1"]),
        ("*", ["tasks", "a/b", ""], []),
        ("a*b*c", ["abc", "axbxc", "abbc", "a/b/c"], ["acb", "ab", "abcd"]),
        ("ab*ba", ["abba", "abxba"], ["aba", "abab"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("a[1]?.x", ["a[1]?.x"], ["a1b.x", "a[1]bxx"]),
        ("*/private", ["a/private", "a/b/private"], ["private", "a/private/b"]),
    ],
)
def test_which_names_a_pattern_stands_for(pattern: str, names: list[str], others: list[str]):
    found = Pattern(pattern)
    assert [name for name in (*names, *others) if found.names(name)] == names


@pytest.mark.parametrize("wrong", ["", None, 7, "x" * 600])
def test_what_is_no_pattern_is_told(wrong: object):
    with pytest.raises(pb.ValidationError, match="pattern is"):
        Pattern(wrong)
