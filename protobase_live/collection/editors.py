"""The Yjs clients of one collection: who is sent what, and from where on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protobase_live.collection.messages import Editor, ShownUpdate
from protobase_live.document import Document

ANSWER_BYTES = 256 * 1024
"""About how many bytes of what it lacks a client is sent at once."""


ASKS_AT_ONCE = 8
"""How often a client may be asked for what its updates build on without a pause, for another state each."""

MAX_ASKS = 100
"""Where counting them ends; the pause does not grow any more by then."""


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

    editor: Editor
    update: bytes
    reached: Mapping[int, int]
    """The state vector that the client then has."""
    complete: bool
    state: Mapping[int, int]
    """The state vector that it had when it asked; the very object, which tells this question from others."""


class Editors:
    """Who is up to date, who is still catching up, and who was met at all.

    A client that is catching up is not sent what is shown: its state vector says what it is sent next.
    """

    def __init__(self, ask_seconds: float = 1.0, most_ask_seconds: float = 60.0) -> None:
        """``ask_seconds`` is the pause after `ASKS_AT_ONCE`, which doubles up to ``most_ask_seconds``."""
        self._ask_seconds = ask_seconds
        self._most_ask_seconds = most_ask_seconds
        self.met: dict[Editor, None] = {}
        """Everybody who has to be told when the collection fails."""
        self._up_to_date: dict[Editor, None] = {}
        self._behind: dict[Editor, Mapping[int, int]] = {}
        self._asked: dict[Editor | None, Asked] = {}
        self.shown: dict[int, int] = {}
        """The state vector of what was shown."""

    def answer(self, editor: Editor, state: Mapping[int, int], document: Document) -> Answer:
        """What a client with the state vector `state` lacks, or the first part of it."""
        update, reached, complete = document.slice(state, ANSWER_BYTES)
        return Answer(editor, update, reached, complete, state)

    def begin(self, editor: Editor, state: Mapping[int, int], document: Document) -> Answer:
        """A client wants what it lacks from `state` on; what it was still to be sent is given up.

        Of a state vector that names more clients than the document has, only theirs are kept.
        """
        self._up_to_date.pop(editor, None)
        if len(state) > len(document.vector):
            state = {client: state[client] for client in document.vector.keys() & state.keys()}
        self._behind[editor] = state
        return self.answer(editor, state, document)

    def catch_up(self, editor: Editor, document: Document) -> Answer:
        """The next part for a client that is behind, or what is new for one that asks without need."""
        state = self._behind.get(editor)
        if state is None:
            return self.begin(editor, dict(self.shown), document)
        return self.answer(editor, state, document)

    def show_answer(self, answer: Answer) -> None:
        """The answer is durable: send it, unless the client has left or asked anew."""
        editor = answer.editor
        if self._behind.get(editor) is not answer.state:
            return
        if answer.complete:
            del self._behind[editor]
            self._up_to_date[editor] = None
        else:
            self._behind[editor] = answer.reached
        editor.answer(answer.update, answer.complete)

    def show(self, shown: ShownUpdate, reached: Mapping[int, int], sole: Editor | None) -> None:
        """A turn is durable: send its update to all but `sole`, who alone wrote it.

        It brought Yjs clients to the clocks in `reached`. Who cannot keep up has what had been shown before.
        """
        behind = [editor for editor in self._up_to_date if editor is not sole and not editor.show(shown)]
        for editor in behind:
            del self._up_to_date[editor]
            self._behind[editor] = dict(self.shown)
        self.shown.update(reached)

    def may_ask(self, sender: Editor, now: float) -> bool:
        """Whether it is time to ask `sender`, or all others."""
        return any(self._is_rested(each, now) for each in (sender, None))

    def to_ask(self, sender: Editor, state: bytes, now: float) -> list[Editor]:
        """Whom to ask for what this state vector lacks, when `sender` sent what builds on it.

        He often has not got it, and somebody else may: it came to him past this server. So the others are
        asked, too, if they were not for the same state vector or just now.
        """
        asked = [sender] if self._may_ask(sender, state, now) else []
        if self._may_ask(None, state, now):
            asked += [
                each for each in self._up_to_date if each is not sender and self._may_ask(each, state, now)
            ]
        return asked

    def _may_ask(self, editor: Editor | None, state: bytes, now: float) -> bool:
        """Whether to ask a client (None: all of them): once for each state, after some ever less often."""
        asked = self._asked.get(editor, NEVER)
        if asked.state == state or not self._is_rested(editor, now):
            return False
        times = asked.times + 1
        growing = min(self._ask_seconds * 2 ** (times - ASKS_AT_ONCE), self._most_ask_seconds)
        pause = 0.0 if times < ASKS_AT_ONCE else growing
        self._asked[editor] = Asked(state, now, pause, min(times, MAX_ASKS))
        return True

    def _is_rested(self, editor: Editor | None, now: float) -> bool:
        """Whether the pause after the last question is over."""
        asked = self._asked.get(editor, NEVER)
        return now >= asked.time + asked.pause

    def forget(self, editor: Editor) -> None:
        """A client has left."""
        self.met.pop(editor, None)
        self._up_to_date.pop(editor, None)
        self._behind.pop(editor, None)
        self._asked.pop(editor, None)
