"""A transaction's reads see its own writes, and the commit leaves what they showed.

Every step is done to the transaction and to plain Python values; the two have to agree all the way.
"""

import asyncio
import copy
from collections import Counter as Multiset

from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import RecordExists, RecordMissing
from protobase_live.model.atoms import Atom
from protobase_live.structures import Counter, List, Set, Text
from protobase_live.transactions import Transaction

KEYS = st.sampled_from(["a", "b", "c", "d"])
NUMBERS = st.integers(-3, 3)
WORDS = st.text("xy😀", max_size=3)


class Card(Atom):
    title: str = ""
    votes: Counter = 0
    tags: Set[str] = set()  # noqa: RUF012
    order: List[int] = []  # noqa: RUF012
    body: Text = ""


class Model:
    """The same as plain Python."""

    def __init__(self):
        self.cards = {}
        self.dict = {}
        self.list = []
        self.set = set()
        self.counted = Multiset()
        self.hash = {}
        self.counter = 0
        self.text = ""

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None

    def __repr__(self):
        return repr(vars(self))


# Each step takes the collection in the transaction and the model; it raises nothing by construction.


def insert(key, title):
    def step(cards, model):
        if key not in model.cards:
            cards.insert(Card(title=title), key=key)
            model.cards[key] = Card(title=title)

    return step


def put(key, title, votes):
    def step(cards, model):
        cards.put(Card(title=title, votes=votes), key=key)
        model.cards[key] = Card(title=title, votes=votes)

    return step


def update(key, title, tags):
    def step(cards, model):
        if key in model.cards:
            cards.update(key, title=title, tags=tags)
            model.cards[key].title = title
            model.cards[key].tags = set(tags)

    return step


def delete(key):
    def step(cards, model):
        cards.delete(key)
        model.cards.pop(key, None)

    return step


def change_fields(key, number, word):
    def step(cards, model):
        if card := model.cards.get(key):
            cards.field(key, "votes").add(number)
            cards.field(key, "tags").add(word)
            cards.field(key, "order").append(number)
            cards.field(key, "body").append(word)
            card.votes += number
            card.tags.add(word)
            card.order.append(number)
            card.body += word

    return step


def change_mappings(key, number):
    def step(cards, model):
        cards.dict("dict").set(key, number)
        cards.hash_dict("hash").set((key, number), number)
        cards.counted_set("counted").add(key, 2)
        cards.counter("counter").add(number)
        model.dict[key] = number
        model.hash[key, number] = number
        model.counted[key] += 2
        model.counter += number

    return step


def clear_mappings(key):
    def step(cards, model):
        cards.dict("dict").delete(key)
        cards.counted_set("counted").remove(key, 1)
        cards.set("set").remove(key)
        model.dict.pop(key, None)
        model.counted[key] = max(0, model.counted[key] - 1)
        model.set.discard(key)

    return step


def change_sequences(key, number, word):
    def step(cards, model):
        cards.set("set").add(key)
        cards.list("list").append(number)
        cards.text("text").insert(0, word)
        model.set.add(key)
        model.list.append(number)
        model.text = word + model.text

    return step


def cut_sequences():
    def step(cards, model):
        if model.list:
            cards.list("list").delete(0, 1)
            del model.list[0]
        if model.text:
            cards.text("text").delete(0, 1)
            model.text = model.text[1:]

    return step


WRITES = st.one_of(
    st.builds(insert, KEYS, WORDS),
    st.builds(put, KEYS, WORDS, NUMBERS),
    st.builds(update, KEYS, WORDS, st.sets(WORDS, max_size=2)),
    st.builds(delete, KEYS),
    st.builds(change_fields, KEYS, NUMBERS, WORDS),
    st.builds(change_mappings, KEYS, NUMBERS),
    st.builds(clear_mappings, KEYS),
    st.builds(change_sequences, KEYS, NUMBERS, WORDS),
    st.builds(cut_sequences),
)


async def read_records(cards, model, key):
    assert await cards.get(key) == model.cards.get(key)
    assert await cards.contains(key) == (key in model.cards)
    assert await cards.count() == len(model.cards)
    assert await cards.keys() == sorted(model.cards)
    assert list((await cards.items()).items()) == sorted(model.cards.items())


async def read_fields(cards, model, key):
    if card := model.cards.get(key):
        assert await cards.field(key, "votes").value() == card.votes
        assert await cards.field(key, "tags").values() == card.tags
        assert await cards.field(key, "order").values() == card.order
        assert await cards.field(key, "body").value() == card.body


async def read_structures(cards, model, key):
    assert await cards.dict("dict").get(key) == model.dict.get(key)
    assert await cards.dict("dict").items() == model.dict
    assert await cards.list("list").values() == model.list
    assert await cards.set("set").contains(key) == (key in model.set)
    assert await cards.set("set").values() == model.set
    assert await cards.counted_set("counted").items() == +model.counted
    assert await cards.counted_set("counted").count_of(key) == model.counted[key]
    assert await cards.hash_dict("hash").items() == model.hash
    assert await cards.counter("counter").value() == model.counter
    assert await cards.text("text").value() == model.text


READS = st.builds(
    lambda read, key: (read, key), st.sampled_from([read_records, read_fields, read_structures]), KEYS
)


class Planned(Exception):
    """What ends a transaction that is not to commit."""


async def run(backend, steps, model, fails=False):
    async with Transaction(backend) as tx:
        cards = tx.collection("cards", Card)
        for step in steps:
            if isinstance(step, tuple):
                await step[0](cards, model, step[1])
            else:
                step(cards, model)
        if fails:
            raise Planned


async def compare(backend, model):
    async with Transaction(backend) as tx:
        for read in (read_records, read_fields, read_structures):
            for key in "abcd":
                await read(tx.collection("cards", Card), model, key)


@settings(max_examples=150, deadline=None)
@given(before=st.lists(WRITES, max_size=12), steps=st.lists(WRITES | READS, max_size=20), fails=st.booleans())
def test_own_writes(new_backend, before, steps, fails):
    async def scenario():
        backend, model = new_backend(), Model()
        await run(backend, before, model)
        attempt = copy.deepcopy(model)
        try:
            await run(backend, steps, attempt, fails)
            model = attempt
        except Planned:
            assert fails
        await compare(backend, model)

    asyncio.run(scenario())


async def test_an_impossible_write_shows_at_the_next_read_of_its_record(backend):
    async with Transaction(backend) as tx:
        tx["cards"].insert(title="a", key="a")
    for write, error in (
        (lambda cards: cards.insert(title="b", key="a"), RecordExists),
        (lambda cards: cards.update("z", title="b"), RecordMissing),
    ):
        try:
            async with Transaction(backend) as tx:
                write(tx["cards"])
                for _ in range(2):
                    try:
                        await tx["cards"].count()
                    except error:
                        continue
                    raise AssertionError("the read did not notice")
        except error:
            continue
        raise AssertionError("the commit went through")
