"""Stores a parcel: behind what its collections were known to be, or, if others were faster, behind that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import StaleSnapshot, StorageBusy, StorageError, StorageSilent, StorageUnreachable
from .formats import pack_effects, pack_entry
from .heads import Heads, News
from .limits import BATCH_MESSAGES, BATCHES_AT_ONCE, CALLS_AT_ONCE
from .parcels import Parcel
from .patient import Patient
from .pieces import PieceStore
from .stored import Told
from .stream import Draft, Outrun, Unanswered, Unavailable
from .subjects import Subjects
from .values import Body, Effect, Pieces
from .works import Append, Compaction, Deletion, Plan, Replaced

DOUBTED = 1_000
"""Messages of which it is remembered that no answer came, those of late."""

OUTRUN_SECONDS = 0.002
"""How long to wait before a parcel is sent again that others outran."""

OUTRUN_MOST = 1_000
"""How often others may be faster before a parcel is given up."""

TAG_BYTES = 12
"""Random bytes by which a process knows its own messages; what comes behind them numbers these."""


@dataclass(slots=True)
class _Sending:
    """A parcel that is under way. `tag` is what its messages are known by; `doubt` is why it may be stored,
    though no answer said so (None: it is not)."""

    tag: bytes
    doubt: Unanswered | None = None


class Sender:
    """Every message says which one it follows, so that one whose answer was lost is never stored twice, and
    none is stored behind one that is lost."""

    def __init__(
        self,
        stream: Patient,
        subjects: Subjects,
        pieces: PieceStore,
        heads: Heads,
        make_bytes: Callable[[int], bytes],
        is_followed: Callable[[str], bool],
    ) -> None:
        """``is_followed`` as in `Plan`."""
        self._stream = stream
        self._subjects = subjects
        self._pieces = pieces
        self._heads = heads
        self._token = make_bytes(TAG_BYTES)
        self._is_followed = is_followed
        self._sent = 0
        self._doubted: deque[bytes] = deque(maxlen=DOUBTED)
        self._single = asyncio.Semaphore(CALLS_AT_ONCE)
        self._batches = asyncio.Semaphore(BATCHES_AT_ONCE)

    def is_own(self, tag: bytes) -> bool:
        """Whether a message with this tag is one of this process's, and known to it to be stored."""
        return tag.startswith(self._token) and tag not in self._doubted

    async def send(self, parcel: Parcel) -> None:
        """Store a parcel, without those works that cannot follow what others have stored meanwhile: these
        have an error then. Raises `StorageError` if none of it is stored, or `StorageSilent` if it may be."""
        if len(parcel.collections) > BATCH_MESSAGES:
            raise StorageError(f"an append may be over {BATCH_MESSAGES} collections here, no more")
        self._sent += 1
        sending = _Sending(self._token + self._sent.to_bytes(8))
        try:
            await self._store(parcel, sending)
        except StorageError as error:
            if sending.doubt is None:
                raise
            told = f"{self._stream.stream.address}: {sending.doubt}; what was sent may be stored yet"
            raise StorageSilent(told) from error

    async def _store(self, parcel: Parcel, sending: _Sending) -> None:
        await self._refuse_old(parcel)
        if any(work.error for work in parcel.works):
            self._refuse_late(parcel)
        if not parcel.works:
            return
        bodies = await self._bodies(parcel)
        pauses = self._stream.pauses()
        for _ in range(OUTRUN_MOST):
            try:
                await self._publish(parcel, sending.tag, bodies)
                return
            except Outrun:
                pass
            except (Unanswered, Unavailable) as error:
                if isinstance(error, Unanswered):
                    sending.doubt = error
                    self._doubted.append(sending.tag)
                if not await pauses.rest():
                    raise StorageUnreachable(f"{self._stream.stream.address}: {error}") from error
                continue  # it is not stored twice: if it was stored, this one is outrun by it
            if await self._is_stored(parcel, sending):
                return
            if sending.doubt is not None:  # what was faster is not stored yet
                if not await pauses.rest():
                    raise StorageUnreachable(f"{self._stream.stream.address}: {sending.doubt}")
                continue
            await asyncio.sleep(OUTRUN_SECONDS)  # the same
            await self._refuse_old(parcel)
            if self._refuse_late(parcel) or await self._may_be_gone(parcel, bodies):
                bodies = await self._bodies(parcel)
            if not parcel.works:
                return
        raise StorageBusy(f"other processes were faster {OUTRUN_MOST} times")

    async def _bodies(self, parcel: Parcel) -> dict[str, tuple[Sequence[Effect], Body]]:
        for work in parcel.works:
            if isinstance(work, Deletion):
                await self._put_again(work)
        told = parcel.effects()
        put = [self._pieces.put(name, pack_effects(effects)) for name, effects in told.items()]
        bodies = await asyncio.gather(*put)
        return {name: (told[name], body) for name, body in zip(told, bodies, strict=True)}

    async def _publish(
        self, parcel: Parcel, tag: bytes, bodies: dict[str, tuple[Sequence[Effect], Body]]
    ) -> None:
        drafts: list[Draft] = []
        for name, (_, body) in bodies.items():
            expected = self._heads.known(name).sequence
            drafts.append(Draft(self._subjects.log(name), pack_entry(expected, tag, body), expected))
        drafts += [self._mark(name) for name in parcel.collections if name not in bodies]
        async with self._single if len(drafts) == 1 else self._batches:
            numbers = await self._stream.stream.publish(drafts)
        for (name, (effects, body)), number, draft in zip(bodies.items(), numbers, drafts, strict=False):
            place = body if isinstance(body, Pieces) else None
            self._heads.known(name).apply(Told(number, draft.expected, tag, effects, place))
        for work in parcel.works:
            if isinstance(work, Deletion):
                work.number = self._heads.known(work.collection).sequence
        if marks := numbers[len(bodies) :]:
            with suppress(StorageError):  # what is left goes when its collection is folded
                await self._stream.wipe_all(marks)

    def _mark(self, name: str) -> Draft:
        """What a collection that is only relied on has to be behind: a message that says no more."""
        return Draft(
            self._pieces.unnamed(name), b"", self._heads.known(name).sequence, self._subjects.log(name)
        )

    async def _put_again(self, work: Deletion) -> None:
        """Put what takes the collection's place, if others may have dropped it."""
        if work.instead is None or work.snapshot is None:
            return
        name, update = work.collection, work.instead.update
        if self._heads.may_be_gone(name, update) or await self._pieces.is_old(update):
            put = await self._pieces.put_snapshot(name, work.snapshot.update)
            work.instead = replace(work.instead, update=put)

    async def _may_be_gone(self, parcel: Parcel, bodies: Mapping[str, tuple[Sequence[Effect], Body]]) -> bool:
        """Whether others may have dropped something that was put, as no message names it: by a deletion, or
        because it is old."""
        put = [(name, body) for name, (_, body) in bodies.items()]
        deletions = [work for work in parcel.works if isinstance(work, Deletion)]
        instead = [(work.collection, work.instead.update) for work in deletions if work.instead]
        is_deleted = any(self._heads.may_be_gone(*each) for each in [*put, *instead])
        return is_deleted or await self._pieces.is_old(*(update for _, update in [*put, *instead]))

    async def _is_stored(self, parcel: Parcel, sending: _Sending) -> bool:
        """Take what others have stored, and look whether this was. Raises `StorageError` also if that cannot
        be known: others may have folded its messages, and dropped them, since they may have been stored."""
        news = await self._news(parcel)
        if any(sending.tag in each.numbers for each in news.values()):
            self._number(parcel, sending.tag, news)
            return True
        if sending.doubt is not None and _is_impossible(parcel, news):
            sending.doubt = None
        if sending.doubt is not None:
            return self._was_folded(parcel, news.values())
        for work in parcel.works:
            replaced = [name for name in work.collections if news[name].replaced]
            if replaced and not isinstance(work, Deletion):
                work.error = Replaced(replaced[0])
        return False

    async def _news(self, parcel: Parcel) -> dict[str, News]:
        """Of all collections; first of those that are only relied on (see `_is_impossible`)."""
        news: dict[str, News] = {}
        relied = [name for name in parcel.collections if name not in parcel.changed]
        for names in (relied, parcel.changed):
            found = await asyncio.gather(*[self._heads.catch_up(name) for name in names])
            news |= zip(names, found, strict=True)
        return news

    def _number(self, parcel: Parcel, tag: bytes, news: Mapping[str, News]) -> None:
        """Say of deletions which messages they are, which have this tag."""
        for work in parcel.works:
            if isinstance(work, Deletion):
                name = work.collection
                work.number = news[name].numbers.get(tag) or self._heads.known(name).floor

    def _was_folded(self, parcel: Parcel, found: Iterable[News]) -> bool:
        """Whether others have folded what may have been stored. False: nothing has happened since."""
        if not any(each.is_any for each in found):
            return False
        if self._has_commits(parcel):
            return True
        raise StorageError("what others have stored meanwhile does not tell whether it was stored")

    def _has_commits(self, parcel: Parcel) -> bool:
        """Whether it has some, and all are in what their collections are now: these, and not others in their
        place. None was when it was sent first, unless it deletes what has them."""
        if any(isinstance(each, Deletion) for each in parcel.works):
            return False
        commits = [commit for each in parcel.works if isinstance(each, Append) for commit in each.commits]
        return bool(commits) and all(
            self._heads.known(each.collection).vector.get(each.origin, 0) >= each.sequence for each in commits
        )

    async def _refuse_old(self, parcel: Parcel) -> None:
        """Fail snapshots that were put so long ago that others may have dropped them."""
        for work in parcel.works:
            if isinstance(work, Compaction) and work.published:
                name = work.snapshot.collection
                if await self._pieces.is_old(work.published.update):
                    work.error = StaleSnapshot(f"a snapshot of {name!r} was put too long ago")

    def _refuse_late(self, parcel: Parcel) -> bool:
        """Take out what cannot follow what was stored meanwhile; whether there was any."""
        plan, kept = Plan(self._heads, self._is_followed), list(parcel.works)
        for work in parcel.works:
            try:
                if work.error is None:
                    work.check(plan)
            except StorageError as error:
                work.error = error
            plan.lose(work)
        parcel.works = [work for work in kept if work.error is None]
        return len(parcel.works) < len(kept)


def _is_impossible(parcel: Parcel, news: Mapping[str, News]) -> bool:
    """Whether what was sent is not stored, without its message, and never will be: others have stored what
    is in its place; or something of a collection that it relies on, and it was not there after that."""
    is_late = any(news[name].is_any for name in news.keys() - parcel.changed)
    told = [news[name] for name in parcel.changed]
    return not told or any(each.numbers or (is_late and not each.missed) for each in told)
