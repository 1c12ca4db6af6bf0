"""A turn of a collection: take, write, finish, read.

Pure of asyncio and clocks. A turn of the collection's actor goes: `take` what Yjs clients sent, `write`
what transactions want, then `finish`, which says what the turn amounts to. An exception that is not a
`ProtoBaseError` leaves the document unusable: load a fresh one.

What is taken goes into the document's structs first, which are what is stored and sent; its content is told
what is new of them, in causal order, to be read.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from types import MappingProxyType
from typing import Any

from protobase_live.document.content import BrokenDocument, Content, JudgeChanged, Touched
from protobase_live.document.difference import Difference
from protobase_live.document.doings import Doings
from protobase_live.document.gates import Gates
from protobase_live.document.held import LOG, Held, Room, Sender
from protobase_live.document.held import Part as HeldPart
from protobase_live.document.judge import Judge, Rules
from protobase_live.document.outcome import Outcome
from protobase_live.document.own import SLICE_BYTES, in_slices, take_own, take_written
from protobase_live.document.record_rows import COMPARE_SLICE
from protobase_live.document.renewal import apply_news, made_anew
from protobase_live.document.trial import judge_anew, judge_in_steps
from protobase_live.errors import MalformedUpdate
from protobase_live.model import values
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import Op, Read, Target
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Rest, Structs
from protobase_live.protocol.yjs.update_walker import Walker

WRITE_SLICE = 100
"""How many operations of a transaction are carried out without a pause."""

SLIM_SHARE = 4
"""The content is made anew when it holds as much as the document's size divided by this that is deleted."""


class Document:
    """One Yjs document, read and written as records and structures."""

    def __init__(
        self,
        replica: str,
        client_id: int | None = None,
        room: Room | None = None,
        rules: Rules | None = None,
        former: Container[int] = (),
    ) -> None:
        """``replica`` names the writing node in sets and counters; ``room`` is for what is held; ``former``
        are Yjs clients of a history that is over."""
        self._replica = replica
        self.rules = rules or Rules()
        self._former = former
        self._structs = Structs()
        self._gates = Gates(self.rules, self._structs.foresight(RECORDS_NAME))
        self._held = Held(room or Room())
        self._content = Content(replica, client_id)
        self._author: str | None = None
        self._slimmed = 0
        """How many clocks were deleted when the content was made."""
        self._reset_turn()

    # loading

    def load(self, updates: Sequence[bytes]) -> Generator[None, None, None]:
        """Apply what is durable and read the records, with pauses. What an earlier version stored and this
        one would refuse counts as deleted; what lacks a predecessor waits for it, as in a turn.
        """
        yield from self._load_slice(updates[:1])  # of a snapshot, nothing that is deleted is left
        self._slimmed = self._structs.gone_clocks
        yield from self.load_rest(updates[1:])

    def load_rest(self, updates: Sequence[bytes]) -> Generator[None, None, None]:
        """Go on with what became durable behind what was loaded, before the first turn."""
        for part in in_slices(updates):
            yield from self._load_slice(part)
        if self._structs.halved:
            yield from self._make_anew()
        self._content.open_registered()
        yield from self._content.read_changed()
        self._structs.forget_news()
        yield from self.compact()
        self._reset_turn()

    def _load_slice(self, updates: Sequence[bytes]) -> Generator[None, None, None]:
        """Take these and tell the content: told all of them at once, they would have to be put in order."""
        for update in updates:
            self._hold(LOG, (yield from take_own(self._structs, update, lenient=True)))
        yield from apply_news(self._structs, self._content)
        yield

    # a turn

    def take(self, update: bytes, sender: Sender, *, imported: bool = False) -> bool:
        """Take what a Yjs client sent; answers whether all of it fits. What does not is held until it does.

        Raises, and takes nothing: MalformedUpdate, if it is none or is impossible; OfFormer, if it is of a
        history that is over, and not ``imported``; Unforeseen, if it takes steps to find out whether its
        sender may do that.
        """
        self._begin_run(sender.author)
        barred, former = self._content.client_id, () if imported else self._former
        rest = self._structs.take(update, barred=barred, gate=self._gates.of(sender), former=former)
        self._hold(sender, rest)
        return rest is None

    def take_in_steps(
        self, update: bytes, sender: Sender, read: Walker | None = None, *, imported: bool = False
    ) -> Generator[None, None, bool]:
        """`take` for any update, with pauses in which nothing else may be done with the document.

        ``read`` is the update if it was read already, to be used once. Raises BrokenDocument, too.
        """
        self._begin_run(sender.author)
        allowed, judge = sender.judge, self._judge_of(sender)
        barred, former = self._content.client_id, () if imported else self._former
        if judge is not None:
            yield from self.apply_in_steps()
        if read is None and len(update) <= SLICE_BYTES:
            rest = self._structs.take(update, barred=barred, former=former)
        else:
            rest = yield from self._structs.take_in_steps(update, barred=barred, read=read, former=former)
        if judge is not None:
            yield from self._try(sender, judge)
        if sender.judge is not allowed:
            raise JudgeChanged("what its sender may write has changed while it was taken")
        self._hold(sender, rest)
        return rest is None

    def _judge_of(self, sender: Sender) -> Judge | None:
        """Who judges what somebody sends, if anybody does."""
        return None if sender is LOG else self.rules.bind(sender.judge)

    def _try(self, sender: Sender, judge: Judge) -> Generator[None, None, None]:
        """Judge what was just taken, of him alone; the rest of the turn is applied already."""
        if not self._structs.has_news:
            return
        if self._structs.halved:
            yield from self._try_anew(sender, judge)
            return
        most = self.rules.put_back_clocks
        touched, refusal = yield from judge_in_steps(self._structs, self._content, judge, most)
        if refusal is None:
            self._add_part(sender.author, touched)
        else:
            self._doings.refusals.setdefault(sender, refusal)

    def _try_anew(self, sender: Sender, judge: Judge) -> Generator[None, None, None]:
        """`_try` for what cuts characters, which cannot be put back. Raises BrokenDocument to refuse it."""
        before, places = dict(self._content.rows), (yield from self._structs.touched_in_steps())
        touched = yield from self._make_anew()
        if refusal := judge_anew(self._content, before, touched, judge, places):
            raise BrokenDocument(refusal)
        self._add_part(sender.author, touched)

    def knows_in_steps(self, update: bytes) -> Generator[None, None, bool]:
        """Whether an update brings nothing new, with pauses. Raises MalformedUpdate where it is none."""
        return self._structs.knows_in_steps(update)

    def replicate_in_steps(self, update: bytes) -> Generator[None, None, Outcome | None]:
        """Take and apply a stored commit, of any node, as a turn of its own; None if all of it is known.

        What is held and fits now stays held until `release_in_steps`: it is no part of that commit. Raises
        MalformedUpdate where it is no update, BrokenDocument.
        """
        yield from self.take_stored_in_steps(update)
        yield from self.apply_in_steps()
        return (yield from self.finish_in_steps())

    def take_stored_in_steps(self, update: bytes) -> Generator[None, None, None]:
        """Take a stored commit alone, of several that are applied as one. Raises MalformedUpdate."""
        self._begin_run(None)
        rest = yield from take_own(self._structs, update, lenient=True)
        if rest is not None:
            self._held.add(LOG, rest)

    def release_in_steps(self) -> Generator[None, None, None]:
        """Take and apply what is held and fits now, as a part of the turn that begins, with pauses."""
        self._take_held()
        yield from self.apply_in_steps()

    def apply_taken(self) -> None:
        """Tell the content what was taken. Raises BrokenDocument where it fails."""
        at_once(self.apply_in_steps())

    def apply_in_steps(self) -> Generator[None, None, None]:
        """`apply_taken`, with pauses in which nothing else may be done with the document."""
        if self._structs.halved:
            touched = yield from self._make_anew()
            self._add_part(self._author, touched)
        yield from apply_news(self._structs, self._content)
        # Once, behind the last slice: each may have changed the same large record.
        touched = yield from self._content.read_changed()
        self._add_part(self._author, touched)

    def ends_run(self, author: str | None) -> bool:
        """Whether `apply_in_steps` is due before something by `author` is taken.

        Without it, what was taken is applied at once, or counts as what follows where that would take long.
        """
        return author != self._author and (self._structs.halved or self._structs.has_news)

    def _begin_run(self, author: str | None) -> None:
        """What is taken from now on is by `author`."""
        if author != self._author:
            if not self._structs.halved:
                self.apply_taken()
            self._author = author

    def _hold(self, sender: Sender, rest: Rest | None) -> None:
        """Hold a rest, and take what was held and fits now."""
        self._doings.senders[sender] = None
        if rest is not None:
            self._held.add(sender, rest)
        self._take_held()

    def _take_held(self) -> None:
        """Take what is held and fits now."""
        if not len(self._held):
            return
        advanced = self._structs.take_advanced()
        while ready := self._held.take_ready(self._structs.vector, advanced):
            for part in ready:
                with suppress(MalformedUpdate):  # whoever sent it is told when he sends it again
                    self._take_part(part)
            advanced = self._structs.take_advanced()

    def _take_part(self, part: HeldPart) -> None:
        """Take what was held."""
        sender, update = part.sender, part.rest.update
        self._begin_run(sender.author)
        self._doings.senders[sender] = None
        judge = self._judge_of(sender)
        if judge is not None:
            self.apply_taken()
        rest = self._structs.take(update, barred=self._content.client_id, lenient=sender is LOG)
        if judge is not None:
            at_once(self._try(sender, judge))
        if rest is not None:
            self._held.add(sender, rest)

    def _make_anew(self) -> Generator[None, None, Touched]:
        """Make the content anew, with halves of characters as Yjs has them; what may read otherwise."""
        before = self._content
        self._content = yield from made_anew(self._structs, before)
        yield from self._content.read_changed()
        return (yield from self._content.take_over(before))

    def writing(self) -> AbstractContextManager[None]:
        """What a turn's `write` calls run in: a Yjs transaction, or several where they write much.

        What they wrote is told by `finish`; before it, `encode` does not have it.
        """
        return self._content.writing()

    def rehearse(self, ops: Sequence[Op]) -> list[Op]:
        """The operations in the final form that `write` takes; changes nothing.

        Raises the ProtoBaseError that keeps them from being carried out now, if any.
        """
        return at_once(self.rehearse_in_steps(ops))

    def rehearse_in_steps(self, ops: Sequence[Op]) -> Generator[None, None, list[Op]]:
        """`rehearse`, with pauses in which nothing else may be done with the document."""
        return self._content.rehearse(ops, self.rules.schema)

    def write(self, ops: Sequence[Op], author: str | None = None) -> None:
        """Carry out one transaction as `rehearse` gave it, inside `writing`."""
        at_once(self.write_in_steps(ops, author))

    def write_in_steps(self, ops: Sequence[Op], author: str | None = None) -> Generator[None, None, None]:
        """`write`, with pauses in which nothing else may be done with the document."""
        touched: Touched = {}
        for start in range(0, len(ops), WRITE_SLICE):
            if start:
                yield
            touched |= self._content.write(ops[start : start + WRITE_SLICE])
        self._add_part(author, touched)

    def finish(self) -> Outcome | None:
        """End the turn; None if it changed nothing that is stored."""
        return at_once(self.finish_in_steps())

    def finish_in_steps(self) -> Generator[None, None, Outcome | None]:
        """`finish`, with pauses in which nothing else may be done with the document."""
        yield from take_written(self._structs, self._content)
        differences: list[Difference] = []
        for number, found in enumerate(self._content.differences(), 1):
            if not values.same(found.before, found.after):
                differences.append(found)
            if number % COMPARE_SLICE == 0:
                yield
        doings = self._doings
        self._reset_turn()
        update, reached = yield from self._structs.settle_in_steps()
        if update == EMPTY_UPDATE:
            return None
        return doings.outcome(update, tuple(differences), reached)

    # reading

    def read(self, read: Read) -> Any:
        """Answer one question, with rows that must not be changed. Raises KindMismatch, RecordMissing,
        ValidationError. The question "open" is whether the kind is registered; while there are streams, the
        changes of a structure that was opened are told even if it is not.
        """
        return self._content.read(read)

    def stored(self, target: Target) -> Mapping[str, int]:
        """See `Content.stored`."""
        return self._content.stored(target)

    def hash_in_steps(self) -> Generator[None, None, str]:
        """The state hash (`hash_state`), with pauses in which nothing else may be done with the document."""
        return self._content.hash_state()

    @property
    def records(self) -> Mapping[str, dict[str, Any]]:
        """The plain view of the records; rows are replaced by later turns, never changed in place."""
        return self._content.rows

    def snapshot(self) -> list[Difference]:
        """Everything that is here, as if it had just been inserted."""
        return self._content.snapshot()

    @property
    def vector(self) -> Mapping[int, int]:
        """The state vector: the next clock of each Yjs client."""
        return self._structs.vector

    @property
    def size(self) -> int:
        """About how many bytes the document takes."""
        return self._structs.size

    def has_held_of(self, sender: Sender) -> bool:
        """Whether something that he sent was held since the document was loaded."""
        return sender in self._held.senders

    def encode(self, state: Mapping[int, int] = MappingProxyType({})) -> bytes:
        """Everything that somebody with the state vector ``state`` lacks, as an update."""
        return self._structs.encode(state)

    def slice(self, state: Mapping[int, int], limit: int) -> tuple[bytes, dict[int, int], bool]:
        """About the first ``limit`` bytes of it, the state vector it leads to, and whether that is all."""
        return self._structs.slice(state, limit)

    def compact(self) -> Generator[None, None, None]:
        """Let go of what was deleted if that is worth it, with pauses. What was taken has to be applied."""
        if self._structs.is_loose:
            yield from self._structs.compact_in_steps()
            if (self._structs.gone_clocks - self._slimmed) * SLIM_SHARE >= sum(self._structs.vector.values()):
                yield from self._slim_content()

    def _slim_content(self) -> Generator[None, None, None]:
        """Have the content let go of what is deleted. Where that fails, it stays as it is."""
        with suppress(BrokenDocument):
            content = yield from made_anew(self._structs, self._content)
            content.replace(self._content)
            self._content = content
        self._slimmed = self._structs.gone_clocks

    def shrink(self) -> Generator[None, None, None]:
        """Let go of what was deleted, however little it is, with pauses."""
        if self._structs.can_shrink:
            yield from self._structs.compact_in_steps()

    def tell_structures(self, told: bool) -> None:
        """Say whether somebody wants differences of structures (those of records cost nothing)."""
        self._content.tell_structures(told)

    def follow(self, opened: Iterable[Target]) -> None:
        """Tell differences of these, too, registered or not; none of another kind, nor too many."""
        self._content.follow(opened)

    @property
    def followed(self) -> Sequence[Target]:
        """The structures whose differences are wanted and that nobody registered."""
        return self._content.followed

    def close(self) -> None:
        """Observe no more."""
        self._content.close()

    # inside

    def _reset_turn(self) -> None:
        self._doings = Doings()
        self._content.end_turn()

    def _add_part(self, author: str | None, touched: Touched) -> None:
        self._content.count_changed()
        self._doings.add(author, touched)
