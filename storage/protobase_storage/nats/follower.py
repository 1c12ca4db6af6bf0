"""What other processes store of the collections that are followed: heard from the server, or read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..commit import (
    NOTHING,
    TIMELINE_MARK,
    Commit,
    Vector,
    include,
    includes,
    is_elsewhere,
    join,
    sequence_of,
)
from ..errors import CollectionCorrupt, StorageClosed
from ..shared import News
from .patient import Patient
from .reading import Reader
from .stored import Stored, Told
from .stream import Message
from .subjects import Subjects
from .together import parted, share, together
from .values import Deleted, Gone, Published

HEARD_BYTES = 1024 * 1024
"""Bytes of a collection that were heard and wait to be taken; with more, they are read from the stream."""

CHECK_SECONDS = 5.0
"""How often followed collections are looked at in the stream: what the server sends may get lost."""

READS_AT_ONCE = 64
"""Collections whose news are read at once."""

PARTS_READ = 8
"""How often what is told together is completed, as others may go on storing meanwhile. What lacks a part then
is told the next time, and what follows it."""


@dataclass(slots=True)
class _Followed:
    """How far a collection was told. `position` is the number of its last message; None: not known yet."""

    vector: dict[str, int]
    remains: bytes
    """Of the deletion behind which it is followed: another deletion leaves others."""
    position: int | None = None
    heard: list[tuple[Message, int]] = field(default_factory=list[tuple[Message, int]])
    heard_bytes: int = 0
    end: Callable[[], None] | None = None

    def hear(self, message: Message, previous: int) -> None:
        """Keep a message until it is taken."""
        self.heard_bytes += len(message.data)
        self.heard.append((message, previous))

    def take(self) -> list[Message] | None:
        """What was heard, if it follows what was told; None: it has to be read."""
        heard, self.heard = self.heard, []
        size, self.heard_bytes = self.heard_bytes, 0
        position, found = self.position, list[Message]()
        if position is None or size > HEARD_BYTES:
            return None
        for message, previous in heard:
            if message.sequence <= position:
                continue
            if previous != position:
                return None
            found.append(message)
            position = message.sequence
        return found or None


class Follower:
    """The followed collections."""

    def __init__(
        self,
        stream: Patient,
        subjects: Subjects,
        reader: Reader,
        identity: str,
    ) -> None:
        self._stream = stream
        self._subjects = subjects
        self._reader = reader
        self.is_own: Callable[[bytes], bool] = lambda tag: False
        """Whether a message with this tag is this process's own."""
        self._identity = identity
        self._followed: dict[str, _Followed] = {}
        self._due: dict[str, float] = {}
        """Collections that are to be read, and since when, by the event loop's clock."""
        self._taking: dict[str, float] = {}
        """The same of those that are being read, and that were told and are not known to be shown."""
        self._untold: dict[str, News] = {}
        """What was read, while something that belongs to it could not be."""
        self._replaced: set[str] = set()
        """Collections that have become something else, and are not loaded anew yet."""
        self._wake = asyncio.Event()
        self._closed = False
        self._checking: asyncio.TimerHandle | None = None

    def follow(self, collection: str, vector: Vector, remains: bytes) -> None:
        """See `SharedStorage.follow`."""
        known = self._followed.get(collection)
        self._followed[collection] = _Followed(dict(vector), remains, end=known.end if known else None)
        self._untold.pop(collection, None)
        self._replaced.discard(collection)
        self.look([collection])
        if self._checking is None:
            self._check_later()

    def unfollow(self, collection: str) -> None:
        """See `SharedStorage.unfollow`."""
        followed = self._followed.pop(collection, None)
        self._due.pop(collection, None)
        self._taking.pop(collection, None)
        self._untold.pop(collection, None)
        self._replaced.discard(collection)
        if followed is not None and followed.end is not None:
            followed.end()

    def is_followed(self, collection: str) -> bool:
        """Whether somebody is interested in it, if only in what it was before it became something else."""
        return collection in self._followed or collection in self._replaced

    def has_told(self, commit: Commit) -> bool:
        """Whether this is a commit of another process that the stream has, as it was told or loaded."""
        followed = self._followed.get(commit.collection)
        is_own = self._identity in commit.origin.split(TIMELINE_MARK)
        if followed is None or is_own or is_elsewhere(followed.vector, commit.origin, commit.sequence):
            return False
        return sequence_of(followed.vector, commit.origin) >= commit.sequence

    def look(self, collections: Iterable[str]) -> None:
        """See `SharedStorage.look`."""
        now = asyncio.get_running_loop().time()
        for each in collections:
            if each in self._followed:
                self._due.setdefault(each, now)
        self._wake.set()

    def standing(self) -> tuple[int, int, float]:
        """How many collections are followed, how many of these have news that are not shown yet or are looked
        for, and for how many seconds at most."""
        behind = self._due | self._taking
        since = min(behind.values(), default=None)
        seconds = 0.0 if since is None else asyncio.get_running_loop().time() - since
        return len(self._followed), len(behind), seconds

    def look_at_all(self) -> None:
        """Look at all that is followed."""
        self.look(self._followed)

    def close(self) -> None:
        """`news` has nothing more to tell."""
        self._closed = True
        self._wake.set()
        if self._checking is not None:
            self._checking.cancel()

    async def news(self) -> dict[str, News]:
        """See `SharedStorage.news`."""
        while True:
            self._taking.clear()  # who asks for more has shown what he was told
            while not self._due:
                self._require_open()
                self._wake.clear()
                await self._wake.wait()
            self._require_open()
            if told := await self._read_due():
                return told

    def _require_open(self) -> None:
        if self._closed:
            raise StorageClosed(f"the storage at {self._stream.stream.address} is closed")

    def _check_later(self) -> None:
        self._checking = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_all)

    def _check_all(self) -> None:
        self.look_at_all()
        self._check_later()

    async def _read_due(self) -> dict[str, News]:
        names = list(self._due)[:READS_AT_ONCE]
        asked, missing = set[tuple[str, str]](), set[tuple[str, str]]()
        for _ in range(PARTS_READ):
            for name in names:
                if (since := self._due.pop(name, None)) is not None:
                    self._taking.setdefault(name, since)
            await self._read_all(names)
            missing = self._missing_parts() - asked
            if not missing:
                break
            asked |= missing
            names = sorted({name for _, name in missing})
            for name in names:
                self._followed[name].take()  # what was heard may not be all: it is read
        else:
            self.look(names)
        found, self._untold = parted(self._with_what_shares(), {id for id, _ in missing})
        self._note(found)
        told = {name: News(together(each.commits, found), each.replaced) for name, each in found.items()}
        return {name: each for name, each in told.items() if each != News()}

    async def _read_all(self, names: Sequence[str]) -> None:
        """Read the news of these. What can be read is kept if something else cannot, which is read again.

        What was read of one that was let go of, or is followed anew, meanwhile may be of a history that is
        over.
        """
        followed = [self._followed.get(name) for name in names]
        readings = map(self._read, names, followed)
        answers = await asyncio.gather(*readings, return_exceptions=True)
        failure: BaseException | None = None
        for name, begun, answer in zip(names, followed, answers, strict=True):
            if isinstance(answer, BaseException):
                failure = answer
                self._look_again(name)
            elif self._followed.get(name) is not begun:
                continue
            elif answer is None:
                self._is_over(name)
            else:
                before = self._untold.get(name, News())
                commits = before.commits + answer.commits
                self._untold[name] = News(commits, before.replaced or answer.replaced)
        if failure is not None:
            raise failure

    def _look_again(self, name: str) -> None:
        """It could not be read, and is as far behind as it was."""
        self.look([name])
        if name in self._due:
            self._due[name] = self._taking.pop(name, self._due[name])

    def _missing_parts(self) -> set[tuple[str, str]]:
        """The parts, by transaction and collection, that are followed and not among what is to be told: they
        were told before, or have not been read yet."""
        told = [commit for each in self._untold.values() for commit in each.commits]
        parts = {(each.joint.id, name) for each in told if each.joint for name in each.joint.collections}
        there = {(each.joint.id, each.collection) for each in told if each.joint}
        return {(id, name) for id, name in parts - there if name in self._followed}

    async def _read(self, collection: str, followed: _Followed | None) -> News | None:
        """None: this process has deleted it. Who does that loads it anew, and need not be told to."""
        if followed is None or not await self._listen(collection, followed):
            return News()
        try:
            return await self._news_of(collection, followed)
        except CollectionCorrupt:  # who loads it finds that, and the others go on
            return News(replaced=True)

    async def _listen(self, collection: str, followed: _Followed) -> bool:
        """Have what is stored of it heard. False: meanwhile it is followed no more, or anew."""
        if followed.end is None:
            end = await self._stream.listen(self._subjects.heard(collection), self._hear)
            if self._followed.get(collection) is not followed:
                end()
                return False
            followed.end = end
        return True

    async def _news_of(self, collection: str, followed: _Followed) -> News | None:
        """What was heard, or has to be read. Raises `CollectionCorrupt`, `StorageUnreachable`."""
        with suppress(Gone):
            told = await self._told_behind(collection, followed)
            if told is not None:
                return None if self._is_own_deletion_in(told) else self._some(followed, told)
        return self._all(followed, await self._reader.stored(collection))

    async def _told_behind(self, collection: str, followed: _Followed) -> Sequence[Told] | None:
        """What messages tell that follow what is known; None: all there is has to be read. Raises `Gone`."""
        messages, position = followed.take(), followed.position
        if messages is not None:
            return [await self._reader.told(collection, each) for each in messages]
        return None if position is None else await self._reader.behind(collection, position)

    def _is_own_deletion_in(self, told: Iterable[Told]) -> bool:
        """Whether this process has deleted the collection: what follows is of another history."""
        own = (each for each in told if self.is_own(each.tag))
        return any(isinstance(effect, Deleted) for each in own for effect in each.effects)

    def _some(self, followed: _Followed, told: Sequence[Told]) -> News:
        """What messages tell that follow what is known."""
        commits: list[Commit] = []
        vector = followed.vector
        for each in told:
            for effect in each.effects:
                is_own = self.is_own(each.tag)
                if isinstance(effect, Deleted):
                    return News(replaced=True)
                if isinstance(effect, Published) and not is_own and not includes(vector, effect.vector):
                    return News(replaced=True)
                if isinstance(effect, Commit):
                    if effect.sequence > sequence_of(vector, effect.origin) + 1:
                        return News(replaced=True)  # what stood between was folded, and dropped, meanwhile
                    include(vector, effect)
                    if not is_own:
                        commits.append(effect)
            followed.position = each.sequence
        return News(tuple(commits))

    @staticmethod
    def _all(followed: _Followed, stored: Stored) -> News:
        """What there is beside what is known, in all that is stored."""
        followed.position = stored.sequence
        base = stored.snapshot.vector if stored.snapshot else NOTHING
        is_deleted = stored.remains != followed.remains
        if is_deleted or not includes(followed.vector, base) or not includes(stored.vector, followed.vector):
            return News(replaced=True)
        lacking = tuple(each for each in stored.commits if not _has(followed.vector, each))
        followed.vector = join(followed.vector, stored.vector)
        return News(lacking)

    def _with_what_shares(self) -> dict[str, News]:
        """What shares a transaction with something that is to be loaded anew is to be loaded anew, too.

        Nobody knows any more what that has of the transaction. Shown before it is loaded, the other part
        would be seen alone.
        """
        found = self._untold
        replaced = self._replaced | {name for name, each in found.items() if each.replaced}
        if not replaced:
            return dict(found)
        while more := [
            name for name in found if name not in replaced and share(found[name].commits, replaced)
        ]:
            replaced |= {*more}
        return {name: replace(each, replaced=name in replaced) for name, each in found.items()}

    def _note(self, found: Mapping[str, News]) -> None:
        """What has become something else is followed anew by who loads it."""
        for name, news in found.items():
            if news.replaced:
                self._is_over(name)

    def _is_over(self, collection: str) -> None:
        """Nobody knows what has become of it until it is loaded anew."""
        self.unfollow(collection)
        self._replaced.add(collection)

    def _hear(self, message: Message, previous: int) -> None:
        collection = self._subjects.collection(message.subject)
        if followed := self._followed.get(collection):
            followed.hear(message, previous)
            self.look([collection])


def _has(vector: Vector, commit: Commit) -> bool:
    return sequence_of(vector, commit.origin) >= commit.sequence
