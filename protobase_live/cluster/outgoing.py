"""What one other node lacks, and sending it: in the order of the logs here, as much as it can take."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice

from protobase_actors import Clock, WakeUp
from protobase_live.cluster.batch import Batch, Batching, Line, Part, cut_off, missing_parts
from protobase_live.cluster.gathering import Gathering
from protobase_live.cluster.known import TWO_HISTORIES, Known, have_parted
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.recent import Packed
from protobase_live.cluster.source import Position, Source
from protobase_live.cluster.together import as_of_now, belonging, parts_of, tells_no_history
from protobase_live.cluster.unanswered import Sent, Unanswered, earliest
from protobase_live.collection.former import History, history_of
from protobase_live.protocol.peer.messages import Commits, Deleted, PeerMessage, Standings, Taken
from protobase_storage import CollectionCorrupt, Commit, Loaded, Vector, covers, includes, join

READINGS = 8
"""How often logs are read for the other parts of transactions, while more are stored."""

Send = Callable[[PeerMessage], Awaitable[None]]


class Outgoing:
    """The sending half of a link."""

    def __init__(self, source: Source, limits: ClusterLimits, clock: Clock, send: Send) -> None:
        self.known: defaultdict[str, Known] = defaultdict(Known)
        """How far each collection is on the other node."""
        self._source = source
        self._limits = limits
        self._clock = clock
        self._send = send
        self._lacking: dict[str, float] = {}
        """Collections of which the other node may lack something, in the order of looking at them, and since
        when."""
        self._later: dict[str, float] = {}
        """The same of those that are sent again after a while."""
        self._formerly: dict[str, float] = {}
        """The same of those that it lacked when the link before ended, until what it lacks is found out."""
        self._unanswered = Unanswered()
        self._wake_up = WakeUp()
        self.gathering = Gathering(limits, clock)
        """How long what is lacking waits for more."""
        self.heard = False
        """Whether the other node has said how far all of its collections are."""
        self.acknowledged = WakeUp()
        """Wakes when more is known to be durable there."""
        self.apart = 0
        """How often snapshots that belong together had no room in one."""
        self._under_way: Mapping[str, Line] = {}
        """What was read and is being sent."""
        self._set_back = False
        """Whether it turned out since that was read that the other node lacks something before it."""
        self._behind: dict[str, None] = {}
        """Collections of which the other node lacks what their logs do not tell."""

    # what happens

    def follow(self, former: Outgoing) -> None:
        """The link before was this one: what the other node lacks it may have lacked since then."""
        self._formerly = former.lacking

    def lacks(self, collection: str) -> None:
        """The other node may lack something of a collection."""
        self._lacking.setdefault(collection, self._formerly.pop(collection, self._clock.monotonic()))
        self._wake_up.wake()

    def shown(self, collection: str, commits: Sequence[Commit]) -> None:
        """These have been shown here. What the other node has sent itself is not looked at again."""
        there = self.known[collection].vector
        if not all(covers(there, commit) for commit in commits):
            self.lacks(collection)

    def loaded(self, collection: str, vector: Vector) -> None:
        """So much of a collection is durable here."""
        if not includes(self.known.get(collection, Known()).vector, vector):
            self.lacks(collection)

    def replaced(self, collection: str) -> None:
        """A collection has become something else here."""
        known = self.known[collection]
        known.stuck, known.since = None, 0
        self._set_back = True
        self.lacks(collection)

    def stands(self, message: Standings) -> None:
        """The other node has said how far collections are there. Raises LimitExceeded."""
        for collection, (history, vector) in message.positions.items():
            known = self.known[collection]
            if known.history == History(*history):
                known.is_durable(vector)
            else:
                self._begin_again(collection, History(*history), vector)
                self.lacks(collection)
        if message.complete and not self.heard:
            self.heard = True
            self._wake_up.wake()
        self.acknowledged.wake()

    def has(self, collection: str, history: History, vector: Vector) -> None:
        """The other node has sent something, so it has that."""
        if self.known[collection].history != history:
            self._begin_again(collection, history, {})
        self.known[collection].is_durable(vector)

    def taken(self, message: Taken) -> None:
        """The other node has stored what it was sent, or says why not."""
        since: dict[str, float] = {}
        for sent in self._unanswered.answered(message.number):
            for collection, (history, vector) in sent.positions.items():
                since.setdefault(collection, sent.since)
                known = self.known[collection]
                is_taken = collection not in message.positions and collection not in message.failures
                if is_taken and known.history == history:  # and not deleted since
                    known.is_durable(vector)
        for collection, (history, vector) in message.positions.items():
            self._begin_again(collection, History(*history), vector)
            self._retry(collection, since)
        for collection, (why, later) in message.failures.items():
            known = self.known[collection]
            known.fail()
            self._set_back = True
            if later:
                self._retry(collection, since)
            else:
                known.stuck = why
        self.gathering.answered.wake()
        self.acknowledged.wake()

    def _begin_again(self, collection: str, history: History, vector: Vector) -> None:
        self.known[collection].begin_again(history, vector)
        self._set_back = True

    def has_durable(self, vectors: Mapping[str, Vector]) -> bool:
        """Whether all of this is known to be durable on the other node."""
        known = self.known
        return all(name in known and known[name].has_durable(each) for name, each in vectors.items())

    def position(self, collection: str, history: History, folded: Vector) -> Vector | None:
        """How far a collection is there at least; None if its log is of no use to the other node.

        So it is for who needs a snapshot: who lacks what was ``folded`` here, and was not sent that yet.
        """
        known = self.known.get(collection, Known())
        if not self.heard:
            return folded
        if known.history != history:
            known = Known()
        if known.stuck is not None or not includes(known.vector, folded):
            return None
        return known.durable if includes(known.durable, folded) else folded

    @property
    def backlog(self) -> int:
        """Collections of which the other node may lack something that it was not sent."""
        waiting = (name for name, line in self._under_way.items() if line.waiting)
        return len({*self._lacking, *waiting})

    @property
    def unanswered_bytes(self) -> int:
        """Bytes of commits that were sent and are not said to be durable."""
        return self._unanswered.bytes

    @property
    def stuck(self) -> int:
        """Collections of which nothing more is sent."""
        return sum(known.stuck is not None for known in self.known.values())

    @property
    def lacking(self) -> dict[str, float]:
        """Since when the other node lacks something of collections."""
        return earliest(self._formerly, self._unanswered.since, self._lacking, self._later)

    @property
    def lacking_seconds(self) -> float:
        """For how long the other node has lacked what it has lacked longest of all."""
        now = self._clock.monotonic()
        return now - min(self.lacking.values(), default=now)

    def _retry(self, collection: str, since: Mapping[str, float]) -> None:
        self._later.setdefault(collection, since.get(collection, self._clock.monotonic()))
        self._clock.call_later(self._limits.retry_seconds, lambda: self._send_again(collection))

    def _send_again(self, collection: str) -> None:
        if (since := self._later.pop(collection, None)) is not None:
            self._lacking[collection] = min(since, self._lacking.get(collection, since))
        self.lacks(collection)

    # sending

    async def introduce(self) -> None:
        """Say how far all collections are here."""
        async for page in self._source.pages():
            told = {each.collection: (each.history, each.vector) for each in page}
            await self._send(Standings(told, complete=False))
        await self._send(Standings({}, complete=True))

    async def run(self) -> None:
        """Send what the other node lacks, for ever."""
        while not self.heard:
            await self._wake_up.wait()
        await self._compare()
        while True:
            await self._room()
            while not self._lacking:
                await self._wake_up.wait()
            await self.gathering.wait(self._unanswered.bytes)
            await self._send_some()

    async def _room(self) -> None:
        """Wait until more may be on its way."""
        while self._unanswered.bytes >= self._limits.window_bytes:
            await self.gathering.answered.wait()

    async def _compare(self) -> None:
        """Find out what the other node lacks of what is here."""
        async for page in self._source.pages():
            for each in page:
                if self._may_lack(each):
                    self.lacks(each.collection)
        self._formerly = {}

    def _may_lack(self, here: Position) -> bool:
        known = self.known.get(here.collection, Known())
        return known.history != here.history or not includes(known.vector, here.vector)

    async def _send_some(self) -> None:
        self._set_back = False
        since: dict[str, float] = {}
        lines = await self._lines(since)
        complete = await self._complete(lines)
        if self._behind:
            await self._send_snapshots(lines, since)
        else:
            await self._send_lines(lines, since, complete)

    async def _send_lines(self, lines: dict[str, Line], since: Mapping[str, float], complete: bool) -> None:
        """Send what was read, in as many messages as that takes: to read it again would take longer.

        Not behind something that turns out to be lacking: that is to be sent before it.
        """
        now = self._clock.monotonic()
        self._under_way = lines
        batching = Batching(lines, self._limits.batch_commits, self._limits.batch_bytes)
        take = batching.run_at_least_one if complete else batching.run
        while not self._set_back and (batch := take()).commits:
            oldest = min(since.get(name, now) for name in batch.taken)
            await self._send_batch(batch, {name: lines[name].history for name in batch.taken}, oldest)
            await self._room()
            take = batching.run
        self._under_way = {}
        for name, line in lines.items():
            if line.waiting or not line.whole:
                self._lacking[name] = min(since.get(name, now), self._lacking.get(name, now))

    async def _lines(self, since: dict[str, float]) -> dict[str, Line]:
        """What is lacking of as many collections as fill a message: more would be read in vain.

        Notes ``since`` when each collection that was looked at was lacking.
        """
        lines: dict[str, Line] = {}
        commits, most = 0, self._limits.batch_commits
        for name in list(islice(self._lacking, most)):
            if commits >= most:
                break
            # Before its log is looked at: what comes from then on is looked at again.
            since[name] = self._lacking.pop(name)
            line = await self._line(name)
            if line is not None:
                lines[name] = line
                commits += len(line.waiting)
        return lines

    async def _complete(self, lines: dict[str, Line]) -> bool:
        """Look for the other parts of transactions over several collections.

        All are in the logs as soon as one is, though not all may have been shown yet: what a log lacks that
        is read after that is not there. While others write, a log may lack what one has that is read later.
        After so many readings of the same logs what lacks a part waits for the next message; False then.
        """
        looked_for, read, readings = set[Part](), set[str](), 0
        while missing := missing_parts(lines) - looked_for:
            names = {name for name, _ in missing}
            readings += names <= read  # of the others there are only so many
            if readings > READINGS:
                cut_off(lines, {joint for _, joint in missing})
                return False
            looked_for |= missing
            read |= names
            for name in sorted(names):
                line = await self._line(name, recent=False)
                if line is not None:
                    lines[name] = line
        return True

    async def _line(self, collection: str, *, recent: bool = True) -> Line | None:
        """What is lacking of a collection; None if that is nothing, or no commits.

        Without ``recent`` its log is read, which can be ahead of what was shown.
        """
        known = self.known[collection]
        here = await self._source.history(collection)
        if known.stuck is not None or here < known.history:  # then it sends what has happened
            return None
        if here > known.history:
            await self._send_deletion(collection, known, here)
        found = self._source.recent.after(collection, known.vector, known.since) if recent else None
        if found:
            return Line(deque(found), True, here)
        if found is not None:
            # Or what the other node has sent would be gone through each time.
            known.since = self._source.recent.count
            return None
        return await self._line_of_log(collection, known, here)

    async def _line_of_log(self, collection: str, known: Known, here: History) -> Line | None:
        limit, vector = self._limits.batch_commits, known.vector  # which may reach further by the next line
        try:
            commits = await self._source.storage.commits_after(collection, vector, limit)
        except CollectionCorrupt as error:  # of the others it says nothing
            known.stuck = str(error)
            return None
        if await self._source.history(collection) != here:  # deleted while its log was read
            self.lacks(collection)
            return None
        if commits is None or tells_no_history(vector, commits):
            self._behind[collection] = None
            return None
        return Line(deque(map(Packed, commits)), len(commits) < limit, here) if commits else None

    async def _send_batch(self, batch: Batch, histories: Mapping[str, History], since: float) -> None:
        """Send commits, each as of the history that it was read of: another one may be known there by now.

        ``since`` is when the first of them was lacking.
        """
        positions: dict[str, tuple[History, Vector]] = {}
        for name, each in batch.taken.items():
            known, brings = self.known[name], Loaded(None, tuple(kept.commit for kept in each)).vector
            if known.history == histories[name]:
                known.go_on(brings)
                known.since = max(known.since, each[-1].number)
            positions[name] = histories[name], brings
        number = self._unanswered.add(Sent(batch.size, since, positions))
        forms = {name: (histories[name], [kept.form for kept in each]) for name, each in batch.taken.items()}
        self.gathering.sent(batch.size)
        await self._send(Commits(number, forms))

    async def _send_deletion(self, collection: str, known: Known, history: History) -> None:
        standing = await self._source.storage.standing(collection)
        known.replace(history)
        await self._send(Deleted(collection, standing.remains))

    async def _look_at_all(self, lines: dict[str, Line]) -> None:
        """Find what else the other node lacks: what is stored as one may be shown one after the other."""
        async for page in self._source.pages():
            for each in page:
                name = each.collection
                is_known = name in lines or name in self._behind or not self._may_lack(each)
                line = None if is_known else await self._line(name, recent=False)
                if line is not None:
                    lines[name] = line

    def _lacks_commit(self, commit: Commit) -> bool:
        return not covers(self.known[commit.collection].vector, commit)

    async def _send_snapshots(self, lines: dict[str, Line], since: Mapping[str, float]) -> None:
        """Send what logs do not tell any more, with all that belongs to it, to be shown as one.

        ``since`` is when collections were lacking, where that is known.
        """
        await self._look_at_all(lines)
        names, self._behind = belonging(self._behind, lines), {}
        now = self._clock.monotonic()
        for name in [*lines, *names]:
            self._lacking[name] = since.get(name, now)  # looked at again, from what was sent on
        found = await as_of_now(self._source, names, self._limits.together_bytes, self._lacks_commit)
        self.apart += found.left_out
        for name, why in found.corrupt.items():
            self.known[name].stuck = why
        told: dict[str, tuple[History, Loaded]] = {}
        for name, loaded in found.loaded.items():
            history, known = history_of(loaded.remains), self.known[name]
            shown = await self._source.history(name)
            if history > shown:  # stored, and not shown yet: when it is, `replaced` is told
                self._lacking.pop(name, None)  # it may have come in with the others alone
            if history != shown or history != known.history:  # deleted meanwhile
                continue
            if have_parted(known.vector, loaded):
                known.stuck = TWO_HISTORIES
                await self._send(Taken(0, {}, {name: (TWO_HISTORIES, False)}))
            elif join(known.vector, loaded.vector) != known.vector:  # else it has come from elsewhere
                known.go_on(loaded.vector)
                told[name] = history, loaded
        for part in parts_of(told, self._limits.snapshot_part_bytes):
            await self._send(part)
