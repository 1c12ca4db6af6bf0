"""Which worker a connection is for."""

import pytest

from protobase_live.workers.homes import collection_in, home_of


@pytest.mark.parametrize(
    ("head", "collection"),
    [
        (b"GET /yjs/boards/42?token=x HTTP/1.1\r\n", b"boards/42"),
        (b"GET /yjs/boards%2F42 HTTP/1.1\r\n", b"boards/42"),
        (b"GET /api/v1/collections/boards%2F42/records HTTP/1.1\r\n", b"boards/42"),
        (b"DELETE /api/v1/collections/tasks HTTP/1.1\r\n", b"tasks"),
        (b"GET http://host:1/yjs/tasks HTTP/1.1\r\n", b"tasks"),
        (b"GET /live HTTP/1.1\r\n", None),
        (b"GET /yjs/ HTTP/1.1\r\n", None),
        (b"GET /yjs/cut-off-in-the-mid", None),
        (b"\x16\x03\x01\x02\x00\x01", None),
        (b"", None),
    ],
)
def test_the_first_line_names_a_collection_or_none(head: bytes, collection: bytes | None) -> None:
    assert collection_in(head) == collection


def test_collections_are_spread_and_few_move() -> None:
    names = [b"c%d" % n for n in range(1_000)]
    two, three = ({name: home_of(name, range(count)) for name in names} for count in (2, 3))
    assert all(400 < list(two.values()).count(number) < 600 for number in (0, 1))
    moved = {three[name] for name in names if two[name] != three[name]}
    assert moved == {2}, "only to the new one"
