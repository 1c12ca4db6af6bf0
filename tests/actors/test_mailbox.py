"""A mailbox is full at so many messages, and at so many bytes if they are weighed."""

from __future__ import annotations

import pytest

from protobase_actors import ActorStopped, Envelope, MailboxFull
from protobase_actors.mailbox import Mailbox


def envelope(size: int) -> Envelope[bytes]:
    return Envelope(bytes(size))


def sizes(taken: list[Envelope[bytes]]) -> list[int]:
    return [len(each.message) for each in taken]


@pytest.fixture
def mailbox() -> Mailbox[bytes]:
    return Mailbox("box", 5, 10, len)


async def test_it_is_full_at_so_many_bytes(mailbox) -> None:
    mailbox.put(envelope(9))
    assert not mailbox.full
    mailbox.put(envelope(9))
    assert mailbox.full
    with pytest.raises(MailboxFull, match="10 bytes"):
        mailbox.put(envelope(0))
    assert sizes(mailbox.take(1)) == [9]
    mailbox.put(envelope(0))
    assert sizes(mailbox.take(5)) == [9, 0]


async def test_what_is_longer_is_taken_alone(mailbox) -> None:
    mailbox.put(envelope(1_000))
    room = mailbox.offer(envelope(1_000))
    assert room is not None
    assert sizes(mailbox.take(5)) == [1_000]
    assert room.done()
    assert mailbox.full


async def test_who_waits_comes_in_as_far_as_there_is_room(mailbox) -> None:
    mailbox.put(envelope(10))
    rooms = [mailbox.offer(envelope(6)) for _ in range(3)]
    mailbox.take(5)
    assert [room.done() for room in rooms] == [True, True, False]
    assert sizes(mailbox.take(5)) == [6, 6]
    assert rooms[2].done()


async def test_messages_are_still_counted(mailbox) -> None:
    for _ in range(5):
        mailbox.put(envelope(0))
    with pytest.raises(MailboxFull, match="5 messages"):
        mailbox.put(envelope(0))


async def test_a_closed_one_takes_nothing_when_it_is_emptied(mailbox) -> None:
    mailbox.put(envelope(10))
    mailbox.close(lambda: ActorStopped("box", retryable=True))
    mailbox.take(5)
    with pytest.raises(ActorStopped):
        mailbox.put(envelope(0))


async def test_without_weights_only_messages_count() -> None:
    mailbox = Mailbox[bytes]("box", 2)
    for _ in range(2):
        mailbox.put(envelope(1_000))
    with pytest.raises(MailboxFull, match="2 messages"):
        mailbox.put(envelope(0))


async def test_only_so_many_senders_wait() -> None:
    mailbox = Mailbox[bytes]("box", 1, most_senders=2)
    for _ in range(3):
        mailbox.offer(envelope(0))
    with pytest.raises(MailboxFull, match="2 waiting senders"):
        mailbox.offer(envelope(0))
    mailbox.take(1)
    mailbox.offer(envelope(0))
    assert mailbox.waiting == 2
