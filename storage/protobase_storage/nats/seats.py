"""Under which id a process writes: each has one that no other has at the time, and a later one takes it over,
so that version vectors do not grow with every start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from ..errors import StorageError
from .formats import seal, unseal
from .patient import Patient, seconds_of
from .stream import Draft, Outrun, Unanswered, Unavailable
from .subjects import Subjects

RENEW_SECONDS = 30.0
"""How often who has a seat says so."""

EXPIRED_SECONDS = 300.0
"""How long he may have said nothing before another process takes it: after `kill -9`, say."""

TOKEN_BYTES = 12

_FREE = b""

_log = logging.getLogger(__name__)


class Seat:
    """What a process holds while it is open. Two that hold one after all only disturb each other: every
    message says behind which one it is to be stored (`Sender`)."""

    def __init__(self, stream: Patient, subject: str, number: int, token: bytes) -> None:
        self.identity = subject.rpartition(".")[2]
        self.lost: str | None = None
        """Why it is held no more."""
        self._stream = stream
        self._subject = subject
        self._number = number
        self._token = token
        self._renewing = asyncio.create_task(self._renew())

    async def release(self) -> None:
        """Let the next process have it."""
        self._renewing.cancel()
        with suppress(Unanswered, Unavailable, Outrun, StorageError):
            await self._say(_FREE)

    async def _renew(self) -> None:
        while self.lost is None:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._say(self._token)
            except (Unanswered, Unavailable, StorageError) as error:
                told = "%s: a seat is not renewed: %s"
                _log.info(told, self._stream.stream.address, error, extra={"event": "seat_not_renewed"})
            except Outrun:
                await self._look()

    async def _say(self, token: bytes) -> None:
        before = self._number
        [self._number] = await self._stream.stream.publish([Draft(self._subject, seal(token), before)])
        await self._stream.wipe(before)

    async def _look(self) -> None:
        """It may be this process that was faster, if an answer was lost."""
        with suppress(StorageError):
            last = await self._stream.last(self._subject)
            if last is not None and unseal(last.data) == self._token:
                self._number = last.sequence
            else:
                self.lost = (
                    f"{self._stream.stream.address}: another process writes as {self.identity}, because this "
                    f"one said nothing for {EXPIRED_SECONDS:g} s, or another database has the stream's "
                    "place; start this one again"
                )


async def take_seat(
    stream: Patient, subjects: Subjects, make_identity: Callable[[], str], make_bytes: Callable[[int], bytes]
) -> Seat:
    """The first seat that is free or has expired, or a new one. Raises `StorageError`."""
    token = make_bytes(TOKEN_BYTES)
    for subject in sorted(await stream.subjects(subjects.seats)):
        last = await stream.last(subject)
        if last is None or unseal(last.data) == _FREE or await _age(stream, last.time) > EXPIRED_SECONDS:
            number = last.sequence if last else 0
            if seat := await _take(stream, subject, number, token):
                if last:
                    await stream.wipe(number)
                return seat
    while True:
        if seat := await _take(stream, subjects.seat(make_identity()), 0, token):
            return seat


async def _age(stream: Patient, time: str) -> float:
    """How many seconds ago that was, by the servers' clocks."""
    return await stream.now() - seconds_of(time)


async def _take(stream: Patient, subject: str, expected: int, token: bytes) -> Seat | None:
    """None: another process was faster."""
    try:
        number = await stream.publish_once(Draft(subject, seal(token), expected))
    except Outrun:
        last = await stream.last(subject)
        if last is None or unseal(last.data) != token:
            return None
        number = last.sequence
    return Seat(stream, subject, number, token)
