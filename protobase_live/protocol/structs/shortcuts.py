"""The two updates that editors send most, taken in at once: typing on, and setting a key that is set.

They run for each keystroke of each client, so they are written for speed: one regular expression reads all of
an update, and what is found goes straight into the log. Whatever is not exactly of these shapes is left to
the general way, which does the same.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from protobase_live.protocol.structs.log import CHAINED, GONE, KEYED, Log
from protobase_live.protocol.structs.logs import Logs
from protobase_live.protocol.update_walker import VALUES, client_of, clock_of

_ID = rb"([\x80-\xff]{0,6}[\x00-\x7f])([\x80-\xff]{0,3}[\x00-\x7f])"

_TYPING = re.compile(rb"\x01\x01" + _ID + rb"\x84" + _ID + rb"([\x01-\x7f])([\x00-\x7f]+)\x00", re.DOTALL)
"""One struct, ASCII, with a left neighbour and no right one; nothing deleted."""

_ENTRY = re.compile(
    rb"\x01\x01" + _ID + rb"\xa8" + _ID + rb"\x01"
    rb"(?:[\x78\x79\x7e\x7f]|\x7d[\x80-\xff]{0,7}[\x00-\x7f]|\x7c.{4}|[\x7a\x7b].{8})"
    rb"\x01([\x80-\xff]{0,6}[\x00-\x7f])\x01([\x80-\xff]{0,3}[\x00-\x7f])\x01",
    re.DOTALL,
)
"""One struct with one plain value and a left neighbour, and one clock deleted."""


class Taken(NamedTuple):
    """What was taken: a struct, and the clock whose value it replaced."""

    client: int
    start: int
    end: int
    replaced: tuple[int, int] | None


def take_typing(logs: Logs, update: bytes, barred: int | None) -> Taken | None:
    """Take in ASCII that is typed behind what its client typed last."""
    found = _TYPING.fullmatch(update)
    if found is None:
        return None
    client_raw, clock_raw, left_client, left_clock, size, text = found.groups()
    client, clock = client_of(client_raw), clock_of(clock_raw)
    log = logs.by_client.get(client)
    if log is None or log.end != clock or left_client != client_raw or client == barred:
        return None
    if len(text) != size[0] or clock_of(left_clock) != clock - 1 or not log.extend_text(text):
        return None
    return Taken(client, clock, log.end, None)


def take_entry(logs: Logs, update: bytes, barred: int | None) -> Taken | None:
    """Take in a value that replaces another under its key."""
    found = _ENTRY.fullmatch(update)
    if found is None:
        return None
    client_raw, clock_raw, left_client, left_clock, gone_client, gone_clock = found.groups()
    if gone_client != left_client or gone_clock != left_clock:
        return None
    client, clock = client_of(client_raw), clock_of(clock_raw)
    left = client_of(left_client), clock_of(left_clock)
    log, other = logs.by_client.get(client), logs.by_client.get(left[0])
    if log is None or other is None or log.end != clock or other.end <= left[1] or client == barred:
        return None
    number = other.find(left[1])
    parent = other.parents[number]
    if not other.marks[number] & KEYED or parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
        return None
    chained = CHAINED if left == (client, clock - 1) and log.right is None else 0
    start = found.end(2)
    _append(
        log, update[start : found.start(5) - 1], found.end(4) - start, chained, parent, other.subs[number]
    )
    return Taken(client, clock, clock + 1, left)


def _append(log: Log, raw: bytes, content: int, chained: int, parent: int, sub: int) -> None:
    """Add a value under a key, which is never joined with another (`Log.append`)."""
    log.starts.append(log.end)
    log.offsets.append(len(log.data))
    log.parents.append(parent)
    log.subs.append(sub)
    log.marks.append(VALUES | KEYED | chained)
    log.contents = len(log.data) + content
    log.right = None
    log.data += raw
    log.end += 1
