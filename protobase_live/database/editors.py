"""The Yjs clients of one collection: who is sent what, and from where on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protobase_live.database.messages import Shown, Subscriber
from protobase_live.document import Document

ANSWER_BYTES = 256 * 1024
"""About how many bytes of what it lacks a client is sent at once."""


ASKS_AT_ONCE = 8
"""How often a client may be asked for what its updates build on without a pause, for another state each."""

MAX_ASKS = 100
"""Where counting them ends; the pause does not grow any more by then."""

ASK_SECONDS = 1.0
"""The pause after the last of these; it doubles with each time."""

MAX_ASK_SECONDS = 60.0
"""The longest such pause."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client was asked last, when, and how long it is left alone."""

    state: bytes
    time: float
    pause: float
    times: int


NEVER = Asked(b"", 0.0, 0.0, 0)
"""Of who was not asked yet."""


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
        self._asked: dict[Subscriber | None, Asked] = {}
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

    def may_ask(self, sender: Subscriber, now: float) -> bool:
        """Whether it is time to ask `sender`, or all others."""
        return any(self._is_rested(each, now) for each in (sender, None))

    def to_ask(self, sender: Subscriber, state: bytes, now: float) -> list[Subscriber]:
        """Whom to ask for what this state vector lacks, when `sender` sent what builds on it.

        He often has not got it, and somebody else may: it came to him past this server. So the others are
        asked, too, if they were not for the same state vector or just now.
        """
        asked = [sender] if self._may_ask(sender, state, now) else []
        if self._may_ask(None, state, now):
            asked += [
                each for each in self._subscribed if each is not sender and self._may_ask(each, state, now)
            ]
        return asked

    def _may_ask(self, subscriber: Subscriber | None, state: bytes, now: float) -> bool:
        """Whether to ask a client (None: all of them): once for each state, after some ever less often."""
        asked = self._asked.get(subscriber, NEVER)
        if asked.state == state or not self._is_rested(subscriber, now):
            return False
        times = asked.times + 1
        growing = min(ASK_SECONDS * 2 ** (times - ASKS_AT_ONCE), MAX_ASK_SECONDS)
        pause = 0.0 if times < ASKS_AT_ONCE else growing
        self._asked[subscriber] = Asked(state, now, pause, min(times, MAX_ASKS))
        return True

    def _is_rested(self, subscriber: Subscriber | None, now: float) -> bool:
        """Whether the pause after the last question is over."""
        asked = self._asked.get(subscriber, NEVER)
        return now >= asked.time + asked.pause

    def forget(self, subscriber: Subscriber) -> None:
        """A client has left."""
        self.met.pop(subscriber, None)
        self._subscribed.pop(subscriber, None)
        self._behind.pop(subscriber, None)
        self._asked.pop(subscriber, None)
