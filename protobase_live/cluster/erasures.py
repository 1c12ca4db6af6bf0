"""Erasing on all nodes: this one first, and then whether the others have done their part.

A node is told of an erasure as of any deletion, by the history that begins with it (`Outgoing`), and has done
its part when that history is there. What takes the place of all of a collection must not lack what others
have of it: so these are asked first how far they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from protobase_actors import Clock, within
from protobase_live.cluster.replication import Replication
from protobase_live.collection.former import History, history_of
from protobase_live.errors import ProtoBaseError, ProtocolError, Unavailable
from protobase_live.model.erasure import Erasure
from protobase_live.protocol.packing import as_number, as_text, as_vector, pack, unpack
from protobase_storage import CollectionCorrupt, Vector, includes

if TYPE_CHECKING:
    from protobase_live.cluster.link import Link

T = TypeVar("T")

STANDING = "standing"
"""The question how far a collection is: its name. Answered with ``[[number, id], vector]``."""

ERASED = "erased"
"""The question whether a collection is erased: ``[collection, [number, id], [node, ...]]``.

Answered when that history or a later one is there, with the one that is, and with what is known there of
other nodes than these: ``[[number, id], {node: [number, id] or why it is not known}]``."""

Found = Mapping[str, History | str]
"""By node: which history is there, or why that is not known."""

ROUNDS = 5
"""How often it is tried to erase what is erased elsewhere at the same time."""


class Erasures:
    """Erases, asks the other nodes, and answers them. What else they ask goes to who answered before."""

    def __init__(self, node: str, replication: Replication, clock: Clock) -> None:
        """``node`` is this one."""
        self._node = node
        self._replication = replication
        self._source = replication.source
        self._limits = replication.limits
        self._clock = clock
        self._otherwise = replication.serve
        replication.serve = self._answer

    async def carry_out(
        self, collection: str, erase: Callable[[], Awaitable[bool]], is_left: Callable[[], Awaitable[bool]]
    ) -> Erasure:
        """Erase a collection here, by ``erase``, and wait until the other nodes have done their part, for
        ``erase_seconds`` at most. ``erase`` answers with whether it was there.

        What was erased elsewhere at the same time may take the place of this: where ``is_left`` says that it
        has what this was to erase, it is done again. Raises Unavailable while another node has more of the
        collection than this one or another history of it, and what ``erase`` raises.
        """
        erasure, was_there = Erasure(()), False
        for number in range(ROUNDS):
            await self._catch_up(collection)
            if number == 0 or await is_left():
                was_there |= await erase()
                await self._replication.forget()
            history = await self._source.history(collection)
            found = await self._ask_others(collection, history, ())
            erasure = self._told(found, was_there)
            latest = max((each for each in found.values() if isinstance(each, History)), default=history)
            if latest <= history == await self._source.history(collection):
                return erasure
        why = f"it was erased elsewhere at the same time, {ROUNDS} times; erase it again"
        return Erasure((), {**dict.fromkeys(erasure.done, why), **erasure.left}, was_there)

    async def _catch_up(self, collection: str) -> None:
        """Wait until this node has what the others have of a collection, as far as they say so."""
        for link in list(self._replication.links.values()):
            if (standing := await self._standing_at(link, collection)) is None:
                continue
            await self._require_one_history(link, collection, standing[1])
            try:
                await self._wait(partial(self._has, collection, *standing))
            except TimeoutError:
                more = f"node {link.node!r} has more of {collection!r} than this one"
                raise Unavailable(f"{more}; nothing was erased, try it again") from None

    async def _require_one_history(self, link: Link, collection: str, vector: Vector) -> None:
        """Raises Unavailable where a node has another history, which is at ``vector``, and so what this one
        cannot have: the erasure would take the place of all that.
        """
        # Imported here: a program without links needs none of it.
        from protobase_live.cluster.known import TWO_HISTORIES, Known, have_parted

        with suppress(CollectionCorrupt):  # nothing tells what was here
            known = link.outgoing.known.get(collection, Known())
            here = await self._source.storage.load(collection)
            if known.stuck == TWO_HISTORIES or have_parted(vector, here):
                why = f"{collection!r}, here and at {link.node!r}: {TWO_HISTORIES}"
                error = Unavailable(f"nothing was erased of {why}")
                error.retryable = False  # not before somebody has chosen one
                raise error

    async def _standing_at(self, link: Link, collection: str) -> tuple[History, Vector] | None:
        """How far it is at a node; None if that does not say so: it is gone, or too old."""
        try:
            history, vector = unpack(await self._within(link.calls.ask(STANDING, pack(collection))))
        except (ProtoBaseError, TimeoutError):
            return None
        return _history(history), as_vector(vector)

    async def _ask_others(self, collection: str, history: History, asked: Sequence[str]) -> Found:
        """What the other nodes answer that are linked, directly or through others, and were not asked yet."""
        links = [link for link in self._replication.links.values() if link.node not in asked]
        asked = [*asked, self._node, *(link.node for link in links)]
        found = await asyncio.gather(*(self._ask(link, collection, history, asked) for link in links))
        told = [pair for answers in found for pair in answers.items()]
        return dict(sorted(told, key=lambda pair: isinstance(pair[1], History)))  # who has it counts last

    async def _ask(self, link: Link, collection: str, history: History, asked: Sequence[str]) -> Found:
        try:
            answer = await self._within(link.calls.ask(ERASED, pack([collection, history, asked])))
            here, others = unpack(answer)
            return {as_text(node): _found(each) for node, each in others.items()} | {
                link.node: _history(here)
            }
        except TimeoutError:
            return {link.node: f"it has not done it within {self._limits.erase_seconds} s (erase_seconds)"}
        except ProtoBaseError as error:
            return {link.node: str(error)}

    def _told(self, found: Found, was_there: bool) -> Erasure:
        """What the nodes have answered, and that others were not asked."""
        done = [self._node, *(node for node, each in found.items() if isinstance(each, History))]
        left = {node: each for node, each in found.items() if isinstance(each, str)}
        return Erasure(done, left | self._unlinked({*done, *left}), was_there)

    def _unlinked(self, asked: Collection[str]) -> dict[str, str]:
        """The nodes that are known and were not asked, and why."""
        links = self._replication.links.values()
        left = {node: "it was not reached through others" for link in links for node in link.linked}
        left |= dict.fromkeys(self._replication.keeping.nodes, "it is not linked with this node now")
        for each in self._replication.dialings:
            left[each.node or each.address] = f"there is no link: {each.problem or 'it was not met yet'}"
        return {node: why for node, why in left.items() if node not in asked}

    async def _answer(self, name: str, body: bytes) -> bytes:
        if name == STANDING:
            standing = await self._source.storage.standing(as_text(unpack(body)))
            return pack([history_of(standing.remains), dict(standing.vector)])
        if name == ERASED:
            collection, history, asked = unpack(body)
            return pack(await self._erased(as_text(collection), _history(history), list(map(as_text, asked))))
        return await self._otherwise(name, body)

    async def _erased(self, collection: str, history: History, asked: Sequence[str]) -> tuple[History, Found]:
        """Which history is here, once it is this one or a later one, and what others answer that were not
        ``asked``. Raises Unavailable if it is not here soon."""
        try:
            await self._wait(partial(self._has, collection, history, {}))
        except TimeoutError as error:
            raise Unavailable(str(error)) from error
        await self._replication.forget()
        others = await self._ask_others(collection, history, asked)
        unlinked = self._unlinked({self._node, *asked, *others})
        return await self._source.history(collection), {**unlinked, **others}

    async def _has(self, collection: str, history: History, vector: Vector) -> bool:
        """Whether this node has so much of this history, and no byte of former ones, or has a later one."""
        here = await self._source.history(collection)
        if here != history:
            return here > history
        try:
            return includes((await self._source.storage.standing(collection)).vector, vector)
        except CollectionCorrupt:  # nothing comes that could be waited for
            return True

    async def _wait(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Until it holds. Raises TimeoutError after ``erase_seconds``."""
        await self._within(self._replication.until(condition))

    async def _within(self, work: Coroutine[Any, Any, T]) -> T:
        return await within(self._clock, self._limits.erase_seconds, work)


def _found(told: Any) -> History | str:
    """Raises ProtocolError."""
    return told if isinstance(told, str) else _history(told)


def _history(told: Any) -> History:
    """Raises ProtocolError."""
    try:
        number, id = told
        return History(as_number(number), as_text(id))
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"no history of a collection: {error}") from error
