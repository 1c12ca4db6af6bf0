"""What ASGI tells of a request."""

from __future__ import annotations

import pytest

from protobase_live.server.rest.request import segments


@pytest.mark.parametrize(
    ("root", "raw"),
    [
        ("", ""),
        ("/collab", "/collab"),
        ("/@live", "/@live"),
        ("/@live", "/%40live"),
        ("/teams/a+b:c", "/teams/a+b:c"),
        ("/teams/o'hara", "/teams/o'hara"),
        ("/teams/red", "/teams/%72ed"),
        ("/käse", "/k%C3%A4se"),
        ("/käse", "/k%c3%a4se"),
        ("/a b", "/a%20b"),
        ("/other", ""),
    ],
)
def test_the_prefix_is_left_out_however_a_client_writes_it(root: str, raw: str) -> None:
    scope = {"root_path": root, "path": "", "raw_path": f"{raw}/yjs/boards%2F42?token=x".encode()}
    assert segments(scope) == ["yjs", "boards%2F42"]


def test_a_path_that_only_begins_like_the_prefix_is_not_below_it() -> None:
    scope = {"root_path": "/live", "path": "", "raw_path": b"/liver/live"}
    assert segments(scope) == ["liver", "live"]


@pytest.mark.parametrize("raw_path", [None, b""])
def test_a_server_that_does_not_tell_how_a_path_was_written(raw_path: bytes | None) -> None:
    scope = {"root_path": "/@live/käse", "path": "/@live/käse/yjs/notes", "raw_path": raw_path}
    assert segments(scope) == ["yjs", "notes"]
