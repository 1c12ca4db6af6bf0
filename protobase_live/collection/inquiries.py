"""What asks rather than writes, answered on a collection's document as a turn leaves it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import Any

from protobase_actors import Envelope, in_steps
from protobase_live.collection.audience import Audience
from protobase_live.collection.former import FIRST
from protobase_live.collection.messages import (
    CatchUp,
    Greet,
    Leave,
    Message,
    Question,
    Reach,
    Settle,
    Subscribe,
    Sync,
    Unsubscribe,
)
from protobase_live.collection.mistakes import nothing_done
from protobase_live.collection.replica import Replica
from protobase_live.collection.turn import (
    Greeting,
    Parting,
    Reaching,
    Refusal,
    Renewal,
    Reply,
    Settled,
    Subscribing,
    Turn,
)
from protobase_live.document import OPEN
from protobase_live.errors import ProtoBaseError, naming
from protobase_live.model.state_hash import StateHash
from protobase_live.permissions.permits import Permit
from protobase_live.protocol.yjs.state_vector import encode_state_vector


class Inquiries:
    """Serves the messages of one collection that change nothing in its document."""

    def __init__(self, collection: str, replica: Replica, audience: Audience) -> None:
        self._collection = collection
        self._replica = replica
        self._audience = audience

    def serve(self, envelope: Envelope[Message], turn: Turn) -> None:
        """What asks rather than writes, on the document as the turn leaves it."""
        document, notices = self._replica.document, turn.notices
        match envelope.message:
            case Question(read, permit=None):
                with self._following(turn) if read.method == OPEN else nullcontext():
                    notices.append(self._answer(envelope, lambda: document.read(read)))
            case Sync(editor, state):
                notices.append(self._audience.editors.begin(editor, state, document))
            case CatchUp(editor):
                notices.append(self._audience.editors.catch_up(editor, document))
            case Greet(editor):
                notices.append(Greeting(editor, encode_state_vector(document.vector)))
            case Settle(editor, mark):
                notices.append(Settled(editor, mark))
            case Leave(editor):
                notices.append(Parting(editor))
            case Subscribe(stream, opened):
                if self._audience.streams.add(stream):
                    notices.append(Renewal())
                with self._following(turn):
                    document.follow(opened)
                notices.append(Subscribing(envelope, stream))
            case Reach(wanted):
                notices.append(Reaching(envelope, wanted, self._replica.former.history > FIRST))
            case Unsubscribe(stream):
                self._audience.streams.remove(stream)
            case _:  # what writes, or takes a turn of its own
                pass

    async def answer(self, envelope: Envelope[Message], question: Question, permit: Permit) -> Turn:
        """The answer to a `Question` with a permit, as a turn. No other turn may run meanwhile."""
        turn, read = Turn(batch=[envelope]), question.read
        with self._following(turn) if read.method == OPEN else nullcontext():
            try:
                with naming(self._collection):
                    found = await in_steps(permit.answer_in_steps(read, self._replica.document.read))
            except ProtoBaseError as error:
                turn.notices.append(Refusal(envelope, error))
            except Exception as error:
                turn.notices.append(Refusal(envelope, nothing_done(f"a read of {self._collection}", error)))
            else:
                turn.notices.append(Reply(envelope, found))
        return turn

    async def hash_state(self, envelope: Envelope[Message]) -> Turn:
        """The answer to `HashState`, as a turn. No other turn of the collection may run meanwhile."""
        replica = self._replica
        try:
            found = await in_steps(replica.document.hash_in_steps())
        except Exception as error:
            refusal = Refusal(envelope, nothing_done(f"hashing {self._collection}", error, self._collection))
            return Turn(batch=[envelope], notices=[refusal])
        reply = Reply(envelope, StateHash(found, dict(replica.vector)))
        return Turn(batch=[envelope], notices=[reply])

    def _answer(self, envelope: Envelope[Message], ask: Callable[[], Any]) -> Reply | Refusal:
        """Ask the document. Reading changes nothing, so whatever goes wrong concerns who asks alone."""
        try:
            with naming(self._collection):
                return Reply(envelope, ask())
        except ProtoBaseError as error:
            return Refusal(envelope, error)
        except Exception as error:
            what = f"a read of {self._collection}"
            return Refusal(envelope, nothing_done(what, error, self._collection))

    @contextmanager
    def _following(self, turn: Turn) -> Generator[None]:
        """Before a structure was followed its changes were not told, so no stream resumes there."""
        known = len(self._replica.document.followed)
        yield
        if len(self._replica.document.followed) > known:
            turn.notices.append(Renewal())
