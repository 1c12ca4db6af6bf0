"""The Yjs clients of a collection: who is sent what, and who is asked."""

from __future__ import annotations

import pytest

from protobase_live.collection import editors as module
from protobase_live.collection.editors import ASKS_AT_ONCE, Editors
from protobase_live.collection.messages import ShownUpdate
from protobase_live.document import Document
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import sent


class Client:
    """An editor that keeps what it is told."""

    author: str | None = None
    judge = None

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, bool]] = []
        self.shown: list[bytes] = []
        self.reads = True

    def answer(self, update: bytes, complete: bool) -> None:
        self.answers.append((update, complete))

    def show(self, shown: ShownUpdate) -> bool:
        if self.reads:
            self.shown.append(shown.update)
        return self.reads


ITEMS = [sent(client, 0, yjs.item(yjs.binary(b"x" * 100), parent="list")) for client in (1, 2, 3)]


@pytest.fixture
def document():
    document = Document("node")
    yield document
    document.close()


@pytest.fixture
def small_answers(monkeypatch) -> None:
    """One struct an answer."""
    monkeypatch.setattr(module, "ANSWER_BYTES", 1)


def write(document: Document, editors: Editors, update: bytes, sole: Client | None = None) -> None:
    """One turn, durable and shown at once."""
    document.take(update, Client())
    document.apply_taken()
    outcome = document.finish()
    assert outcome is not None
    editors.show(ShownUpdate(outcome.update), outcome.reached, sole)


def join(editors: Editors, client: Client, document: Document) -> None:
    editors.show_answer(editors.begin(client, {}, document))


def test_a_client_gets_what_it_lacks_and_then_what_is_new(document) -> None:
    editors, client = Editors(), Client()
    write(document, editors, ITEMS[0])
    join(editors, client, document)
    assert client.answers == [(ITEMS[0], True)]
    write(document, editors, ITEMS[1])
    assert client.shown == [ITEMS[1]]
    write(document, editors, ITEMS[2], sole=client)
    assert client.shown == [ITEMS[1]], "it wrote that itself"


def test_nothing_is_shown_before_the_answer(document) -> None:
    """The answer has what was taken in the meantime, or it comes when the answer is durable."""
    editors, client = Editors(), Client()
    answer = editors.begin(client, {}, document)
    write(document, editors, ITEMS[0])
    assert (client.answers, client.shown) == ([], [])
    editors.show_answer(answer)
    assert client.answers == [(EMPTY_UPDATE, True)]


@pytest.mark.usefixtures("small_answers")
def test_a_large_answer_comes_in_parts_that_are_asked_for(document) -> None:
    editors, client = Editors(), Client()
    for item in ITEMS[:2]:
        write(document, editors, item)
    join(editors, client, document)
    write(document, editors, ITEMS[2])
    assert client.shown == [], "it is still behind"
    while not client.answers[-1][1]:
        editors.show_answer(editors.catch_up(client, document))
    assert [update for update, _ in client.answers] == [*ITEMS, EMPTY_UPDATE]
    assert [complete for _, complete in client.answers] == [False, False, False, True]
    assert client.shown == []


def test_who_cannot_keep_up_gets_what_it_missed(document) -> None:
    editors, client = Editors(), Client()
    join(editors, client, document)
    write(document, editors, ITEMS[0])
    client.reads = False
    write(document, editors, ITEMS[1])
    client.reads = True
    write(document, editors, ITEMS[2])
    assert client.shown == [ITEMS[0]]
    editors.show_answer(editors.catch_up(client, document))
    missed = yjs.update([yjs.Block(3, 0, [_item()]), yjs.Block(2, 0, [_item()])])
    assert client.answers[1:] == [(missed, True)]


def _item() -> yjs.Struct:
    return yjs.item(yjs.binary(b"x" * 100), parent="list")


def test_catching_up_without_need_is_answered(document) -> None:
    editors, client = Editors(), Client()
    write(document, editors, ITEMS[0])
    join(editors, client, document)
    answer = editors.catch_up(client, document)
    write(document, editors, ITEMS[1])
    editors.show_answer(answer)
    assert client.answers[1:] == [(EMPTY_UPDATE, True)]
    write(document, editors, ITEMS[2])
    assert client.shown[-1] == ITEMS[2]


def test_a_stranger_that_catches_up_is_answered(document) -> None:
    editors, client = Editors(), Client()
    write(document, editors, ITEMS[0])
    editors.show_answer(editors.catch_up(client, document))
    assert client.answers == [(EMPTY_UPDATE, True)], "what is new since what was shown last"


def test_who_asks_anew_gets_the_new_answer_alone(document) -> None:
    editors, client = Editors(), Client()
    write(document, editors, ITEMS[0])
    old = editors.begin(client, {}, document)
    new = editors.begin(client, {1: 1}, document)
    editors.show_answer(old)
    editors.show_answer(new)
    editors.show_answer(new)
    assert client.answers == [(EMPTY_UPDATE, True)]


def test_a_client_that_claims_much_is_remembered_by_what_is_here(document) -> None:
    """Until it is sent all, its state vector is kept, and copied for each part."""
    editors, client = Editors(), Client()
    for item in ITEMS:
        write(document, editors, item)
    claimed = {1: 1, **dict.fromkeys(range(10, 1000), 7)}
    answer = editors.begin(client, claimed, document)
    assert answer.state == {1: 1}
    editors.show_answer(answer)
    ((update, complete),) = client.answers
    assert complete
    assert update == document.encode({1: 1})


def test_who_left_gets_nothing(document) -> None:
    editors, client = Editors(), Client()
    editors.met[client] = None
    answer = editors.begin(client, {}, document)
    editors.forget(client)
    editors.show_answer(answer)
    write(document, editors, ITEMS[0])
    assert (client.answers, client.shown, editors.met) == ([], [], {})
    editors.forget(client)


def test_who_left_while_subscribed_gets_nothing(document) -> None:
    editors, client = Editors(), Client()
    join(editors, client, document)
    editors.forget(client)
    write(document, editors, ITEMS[0])
    assert client.shown == []


def test_a_client_is_asked_once_for_each_state() -> None:
    editors, client = Editors(), Client()
    assert editors.to_ask(client, b"state", 0.0) == [client]
    assert editors.to_ask(client, b"state", 1e9) == []
    assert editors.to_ask(client, b"other", 1e9) == [client]


def test_others_are_asked_for_what_the_sender_may_not_have(document) -> None:
    editors, client, other = Editors(), Client(), Client()
    join(editors, other, document)
    assert editors.to_ask(client, b"state", 0.0) == [client, other]
    assert editors.to_ask(other, b"state", 0.0) == []


def test_a_client_is_asked_less_and_less_often() -> None:
    editors, client, now, pause, states = Editors(2.0, 30.0), Client(), 100.0, 2.0, iter(range(1000))
    for _ in range(ASKS_AT_ONCE):
        assert editors.to_ask(client, b"%d" % next(states), now) == [client]
    for _ in range(10):
        assert editors.to_ask(client, b"%d" % next(states), now + pause - 0.01) == []
        now += pause
        pause = min(2 * pause, 30.0)
        assert editors.to_ask(client, b"%d" % next(states), now) == [client]
    assert pause == 30.0


def test_who_comes_again_may_be_asked_again() -> None:
    editors, client = Editors(), Client()
    editors.to_ask(client, b"state", 0.0)
    editors.forget(client)
    assert editors.to_ask(client, b"state", 0.0) == [client]
