"""The Yjs clients of one collection: who is sent what, and from where on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protobase_live.database.messages import Shown, Subscriber
from protobase_live.document import Document

ANSWER_BYTES = 256 * 1024
"""About how many bytes of what it lacks a client is sent at once."""


ASK_SECONDS = 1.0
"""Before a client may be asked a second time for what its updates build on; doubles with each time."""

MAX_ASK_SECONDS = 60.0
"""The longest such pause."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client was asked last, when, and how long it is left alone."""

    state: bytes
    time: float
    pause: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A part of what a client lacked, to be sent when it is durable."""

    subscriber: Subscriber
    update: bytes
    reached: Mapping[int, int]
    """The state vector that the client then has."""
    complete: bool
    state: Mapping[int, int]
    """The state vector that it had when it asked; the very object, which tells this question from others."""


class Editors:
    """Who is subscribed, who is still catching up, and who was met at all.

    A client that is catching up is not sent what is shown: its state vector says what it is sent next.
    """

    def __init__(self) -> None:
        self.met: dict[Subscriber, None] = {}
        """Everybody who has to be told when the collection fails."""
        self._subscribed: dict[Subscriber, None] = {}
        self._behind: dict[Subscriber, Mapping[int, int]] = {}
        self._asked: dict[Subscriber, Asked] = {}
        self.shown: dict[int, int] = {}
        """The state vector of what was shown."""

    def answer(self, subscriber: Subscriber, state: Mapping[int, int], document: Document) -> Answer:
        """What a client with the state vector `state` lacks, or the first part of it."""
        update, reached, complete = document.slice(state, ANSWER_BYTES)
        return Answer(subscriber, update, reached, complete, state)

    def begin(self, subscriber: Subscriber, state: Mapping[int, int], document: Document) -> Answer:
        """A client wants what it lacks from `state` on; what it was still to be sent is given up."""
        self._subscribed.pop(subscriber, None)
        self._behind[subscriber] = state
        return self.answer(subscriber, state, document)

    def catch_up(self, subscriber: Subscriber, document: Document) -> Answer:
        """The next part for a client that is behind, or what is new for one that asks without need."""
        state = self._behind.get(subscriber)
        if state is None:
            return self.begin(subscriber, dict(self.shown), document)
        return self.answer(subscriber, state, document)

    def show_answer(self, answer: Answer) -> None:
        """The answer is durable: send it, unless the client has left or asked anew."""
        subscriber = answer.subscriber
        if self._behind.get(subscriber) is not answer.state:
            return
        if answer.complete:
            del self._behind[subscriber]
            self._subscribed[subscriber] = None
        else:
            self._behind[subscriber] = answer.reached
        subscriber.answer(answer.update, answer.complete)

    def show(self, shown: Shown, reached: Mapping[int, int], sole: Subscriber | None) -> None:
        """A turn is durable: send its update to all but `sole`, who alone wrote it.

        It brought Yjs clients to the clocks in `reached`. Who cannot keep up has what had been shown before.
        """
        behind = [
            subscriber
            for subscriber in self._subscribed
            if subscriber is not sole and not subscriber.show(shown)
        ]
        for subscriber in behind:
            del self._subscribed[subscriber]
            self._behind[subscriber] = dict(self.shown)
        self.shown.update(reached)

    def may_ask(self, subscriber: Subscriber, state: bytes, now: float) -> bool:
        """Whether to ask a client, who sent what lacks something, for what this state vector lacks.

        Once for each state, and then less and less often: what it has not got, it cannot send.
        """
        asked = self._asked.get(subscriber)
        if asked is not None and (asked.state == state or now < asked.time + asked.pause):
            return False
        pause = ASK_SECONDS if asked is None else min(2 * asked.pause, MAX_ASK_SECONDS)
        self._asked[subscriber] = Asked(state, now, pause)
        return True

    def forget(self, subscriber: Subscriber) -> None:
        """A client has left."""
        self.met.pop(subscriber, None)
        self._subscribed.pop(subscriber, None)
        self._behind.pop(subscriber, None)
        self._asked.pop(subscriber, None)
