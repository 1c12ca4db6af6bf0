"""Every kind: what is written to a document, replayed on a plain value and done by a naive model agree."""

import copy
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc

from protobase_live.errors import ProtoBaseError, RecordExists, RecordMissing, ValidationError
from protobase_live.model.operations import a_kind
from protobase_live.model.values import MAX_ALIKE, digest, key_text
from protobase_live.structures import FIELD_KINDS, KINDS
from protobase_live.structures.sets import SET

REPLICA = "0123456789ab"

atoms = st.sampled_from(["a", "b", "", 1, -2.5, (1, ("x",)), None, b"b", date(2024, 1, 2), 2**70])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab@"), inner, max_size=2),
    max_leaves=4,
)
indexes = st.integers(0, 6)
names = st.sampled_from(["a", "b", "c"])
texts = st.text(st.sampled_from("ab é😀́\u200d<&"), max_size=5)


def actions(**arguments):
    """One action: its name, and a strategy for the arguments."""
    return st.one_of(*(st.tuples(st.just(name), args) for name, args in arguments.items()))


# Models: each makes the new plain value, naively, or raises IndexError or KeyError where it is invalid.


def model_dict(value, action, *args):
    match action:
        case "set":
            value[args[0]] = args[1]
        case "update":
            value.update(args[0])
        case "delete":
            value.pop(args[0], None)
        case "clear":
            value.clear()
    return value


def model_hash_dict(value, action, *args):
    key = args and key_text(args[0])
    return model_dict(value, action, key, *args[1:])


def model_list(value, action, *args):
    match action:
        case "insert":
            if args[0] > len(value):
                raise IndexError
            value[args[0] : args[0]] = args[1]
        case "extend":
            value.extend(args[0])
        case "set":
            value[args[0]] = args[1]
        case "delete":
            if args[0] + args[1] > len(value):
                raise IndexError
            del value[args[0] : args[0] + args[1]]
        case "clear":
            value.clear()
    return value


def model_set(value, action, *args):
    match action:
        case "add":
            value.update(args)
        case "remove":
            value.difference_update(args)
        case "clear":
            value.clear()
    return value


def model_counted_set(value, action, element, n):
    bag = [each for each, count in value.items() for _ in range(count)]
    for _ in range(n):
        if action == "add":
            bag.append(element)
        elif element in bag:
            bag.remove(element)
    return {each: bag.count(each) for each in bag}


def model_counter(value, action, n):
    return value + n


def model_text(value, action, *args):
    characters = list(value)
    if action == "replace":
        return args[0]
    if action == "insert":
        index = len(value) if args[0] is None else args[0]
        return "".join(model_list(characters, "insert", index, list(args[1])))
    return "".join(model_list(characters, "delete", *args))


def model_xml(value, action, index, *args):
    match action:
        case "delete":
            return model_list(value, "delete", index, *args)
        case "replace" | "append":
            made = [xml_element(each["type"], {}, each["content"][0]["text"]) for each in index["content"]]
            return made if action == "replace" else [*value, *made]
    return model_list(value, "insert", index, [xml_element(*args)])


def xml_element(tag, attributes, text):
    inside = [{"runs": [[text, {}]], "attributes": {}}] if text else []
    return {"tag": tag, "attributes": attributes, "children": inside}


def xml_document(blocks):
    nodes = [{"type": tag, "content": [{"type": "text", "text": text}]} for tag, text in blocks]
    return {"type": "doc", "content": nodes}


xml_documents = st.builds(
    xml_document, st.lists(st.tuples(st.sampled_from("pq"), texts.filter(bool)), max_size=3)
)


def xml_source(tree):
    if "runs" in tree:
        return source(tree["runs"][0][0])
    pairs = tree["attributes"]
    said = "".join(f' {name}="{source(pairs[name], quoted=True)}"' for name in sorted(pairs))
    return f"<{tree['tag']}{said}>{''.join(map(xml_source, tree['children']))}</{tree['tag']}>"


def source(text, *, quoted=False):
    """A character at a time, as XML 1.0 has it."""
    found = ""
    for each in text:
        character = ord(each) >= 32 or each in "\t\n\r"
        coded = each in "&<>\r" or (quoted and each in '\t\n"')
        found += (
            f"&#{ord(each)};" if coded else each if character and each not in "\ufffe\uffff" else "\ufffd"
        )
    for number, name in (38, "amp"), (60, "lt"), (62, "gt"), (34, "quot"):
        found = found.replace(f"&#{number};", f"&{name};")
    return found


def model_records(value, action, key, fields=None, merges=None):
    if action == "insert" and key in value:
        raise KeyError(key)
    if action == "update":
        value[key].update(fields)
    elif action == "delete":
        value.pop(key, None)
    else:
        value[key] = dict(fields)
    return value


registers = st.fixed_dictionaries(
    {}, optional={"title": json_values, "done": st.booleans(), "@": json_values}
)
merging = st.fixed_dictionaries(
    {},
    optional={
        "votes": st.integers(-5, 5),
        "tags": st.sets(atoms, max_size=3),
        "steps": st.lists(json_values, max_size=3),
        "body": texts,
        "stock": st.dictionaries(atoms, st.integers(1, 4), max_size=3),
    },
)
MERGES = {"votes": "counter", "tags": "set", "steps": "list", "body": "text", "stock": "counted_set"}
rows = st.builds(lambda one, other: {**one, **other}, registers, merging)
row_args = st.tuples(names, rows, st.just(MERGES))

CASES = {
    "records": (
        model_records,
        dict,
        actions(insert=row_args, put=row_args, update=row_args, delete=st.tuples(names)),
    ),
    "dict": (
        model_dict,
        dict,
        actions(
            set=st.tuples(names, json_values),
            update=st.tuples(st.dictionaries(names, json_values)),
            delete=st.tuples(names),
            clear=st.tuples(),
        ),
    ),
    "hash_dict": (
        model_hash_dict,
        dict,
        actions(
            set=st.tuples(atoms | st.just(True), json_values),
            delete=st.tuples(atoms | st.just(True)),
            clear=st.tuples(),
        ),
    ),
    "list": (
        model_list,
        list,
        actions(
            insert=st.tuples(indexes, st.lists(json_values, max_size=3)),
            extend=st.tuples(st.lists(json_values, max_size=3)),
            set=st.tuples(indexes, json_values),
            delete=st.tuples(indexes, st.integers(0, 3)),
            clear=st.tuples(),
        ),
    ),
    "set": (
        model_set,
        set,
        actions(
            add=st.lists(atoms, max_size=3).map(tuple),
            remove=st.lists(atoms, max_size=3).map(tuple),
            clear=st.tuples(),
        ),
    ),
    "counted_set": (
        model_counted_set,
        dict,
        actions(add=st.tuples(atoms, st.integers(1, 4)), remove=st.tuples(atoms, st.integers(1, 4))),
    ),
    "counter": (model_counter, int, actions(add=st.tuples(st.integers(-(2**60), 2**60)))),
    "text": (
        model_text,
        str,
        actions(
            insert=st.tuples(st.none() | indexes, texts),
            delete=st.tuples(indexes, st.integers(0, 3)),
            replace=st.tuples(texts),
        ),
    ),
    "xml_fragment": (
        model_xml,
        list,
        actions(
            insert_element=st.tuples(
                st.integers(0, 3), st.sampled_from("pq"), st.dictionaries(names, texts, max_size=2), texts
            ),
            delete=st.tuples(st.integers(0, 3), st.integers(0, 2)),
            replace=st.tuples(xml_documents),
            append=st.tuples(xml_documents),
        ),
    ),
}
QUESTIONS = {
    "records": [
        ("get", ("a",)),
        ("contains", ("b",)),
        ("count", ()),
        ("keys", ("a", 1)),
        ("items", (None, 2)),
    ],
    "dict": [("get", ("a",)), ("contains", ("b",)), ("keys", ()), ("items", ()), ("count", ())],
    "hash_dict": [("get", (1,)), ("get", (True,)), ("contains", ("b",)), ("items", ()), ("count", ())],
    "list": [("slice", (1, 3)), ("slice", (-2, None)), ("slice", ()), ("values", ()), ("count", ())],
    "set": [("contains", ("a",)), ("contains", ((1, ("x",)),)), ("values", ()), ("count", ())],
    "counted_set": [("count_of", ("a",)), ("items", ()), ("count", ())],
    "counter": [("value", ())],
    "text": [("value", ()), ("count", ())],
    "xml_fragment": [("value", ()), ("children", ()), ("count", ()), ("document", ())],
}


def test_every_kind_is_tested():
    assert set(CASES) == set(KINDS) == set(QUESTIONS)
    for name, kind in KINDS.items():
        asked = {question for question, _ in QUESTIONS[name]}
        assert asked | {"get", "strays"} >= set(kind.questions)  # what is no record is no plain value


def rehearse(kind, shared, transaction):
    """The checked arguments, if all can be carried out one after the other; else the error is raised."""
    state, checked = None, []
    where = kind.plain(shared) if kind.name == "records" else shared
    for action, args in transaction:
        args = kind.check(action, args)
        assert kind.check(action, args) == args
        state = kind.rehearse(where, state, action, args)
        checked.append((action, args))
    return checked


def attempt(function, value, transaction):
    """The value after a transaction, or None where it is invalid."""
    value = copy.deepcopy(value)
    try:
        for action, args in transaction:
            value = function(value, action, *copy.deepcopy(args))
    except (IndexError, KeyError, ProtoBaseError):
        return None
    return value


def check_answers(kind, shared, plain):
    for method, args in QUESTIONS[kind.name]:
        args = kind.check_read(method, args)
        answer = kind.answer(plain, method, args)
        assert digest(answer) == digest(kind.read(shared, method, args))
    whole = kind.answer(plain, kind.whole, kind.check_read(kind.whole, ()))
    assert kind.restore(whole) == plain


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_document_replay_and_model_agree(name, data):
    kind = KINDS[name]
    model, empty, step = CASES[name]
    doc = Doc()
    shared = doc.get("it", type=kind.shared_type)
    expected, replayed = empty(), None
    for transaction in data.draw(st.lists(st.lists(step, max_size=4), max_size=6)):
        after = attempt(model, expected, transaction)
        again = attempt(
            lambda value, action, *args: kind.replay(value, action, kind.check(action, args)),
            replayed,
            transaction,
        )
        before = doc.get_state()
        if after is None:
            with pytest.raises((ValidationError, RecordExists, RecordMissing)):
                rehearse(kind, shared, transaction)
            assert again is None
            assert doc.get_state() == before
            continue
        checked = rehearse(kind, shared, transaction)
        with doc.transaction():
            for action, args in checked:
                kind.write(shared, action, args, REPLICA)
        check_differences(kind, expected, after)
        expected = after
        replayed = again if transaction else replayed
        assert kind.plain(shared) == expected
        assert replayed is None or replayed == expected
        check_answers(kind, shared, kind.plain(shared))


def check_differences(kind, before, after):
    """The differences lead from one value to the other and are none between a value and itself."""
    assert kind.differences(after, after) == []
    found = kind.differences(before, after)
    assert kind.differences(after, before) == [(key, new, old) for key, old, new in found]
    if kind.name == "xml_fragment":  # a child without text does not show
        before, after = ("".join(map(xml_source, each)) for each in (before, after))
    assert bool(found) == (before != after)
    if found and found[0][0] is not None:
        order = [key if kind.name in ("records", "dict") else key_text(key) for key, _, _ in found]
        assert all(one < other for one, other in pairwise(order))


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_empty(name):
    kind = KINDS[name]
    shared = Doc().get("it", type=kind.shared_type)
    check_answers(kind, shared, kind.plain(shared))
    for method, args in QUESTIONS[name]:
        args = kind.check_read(method, args)
        assert kind.answer(None, method, args) == kind.read(shared, method, args)
    assert kind.differences(None, kind.plain(shared)) == []


@pytest.mark.parametrize("name", CASES)
def test_unknown_verbs_are_named(name):
    kind = KINDS[name]
    with pytest.raises(ValidationError, match=f"^'fly' is no action of {a_kind(name)}; expected one of"):
        kind.check("fly", ())
    with pytest.raises(ValidationError, match=f"^'why' is no question of {a_kind(name)}; expected one of"):
        kind.check_read("why", ())


@pytest.mark.parametrize(
    ("name", "action", "args", "complaint"),
    [
        ("dict", "set", ("a",), r"dict.set takes \(key, value\), not 1 arguments"),
        ("dict", "set", (1, 2), "a key is a str"),
        ("dict", "set", ("", 2), "non-empty"),
        ("dict", "set", ("a", {1}), r"dict.set: value is \{1\} \(set\)"),
        ("dict", "update", ({"a": object()},), "dict.update: mapping"),
        ("dict", "update", ([],), "expected a dict"),
        ("list", "insert", (-1, []), "list.insert: index is -1"),
        ("list", "insert", (True, []), "expected an int"),
        ("list", "insert", (0, "abc"), "expected a list"),
        ("list", "delete", (0, -1), "list.delete: count is -1"),
        ("set", "add", ("a", {}), "set.add: element 1 is"),
        ("set", "add", tuple(range(10_001)), "at most 10000"),
        ("counter", "add", (1.5,), r"counter.add: n is 1.5 \(float\); expected an int"),
        ("counter", "add", (1 << 13_000,), "13000 bits"),
        ("counted_set", "add", ("a", 0), "expected a positive int"),
        ("hash_dict", "set", ([{}], 1), r"hash_dict.set: key\[0\] is"),
        ("text", "insert", (0, b""), "expected a str"),
        ("text", "insert", (0, "\ud800"), "lone surrogate"),
        ("xml_fragment", "insert_element", (0, "a b"), "tag is 'a b'"),
        ("xml_fragment", "insert_element", (0, "a", {"1": ""}), "'1'"),
        ("xml_fragment", "insert_element", (0, "a", {"b": 1}), "expected a str"),
        ("records", "insert", ("k", {"_key": 1}), "reserved"),
        ("records", "insert", ("k", {"a": {"b": object}}), r"record 'k' \(str\)\['a'\]\['b'\]"),
        ("records", "insert", ("k", []), "expected a dict of fields"),
        ("records", "insert", ("k", {"a": 1}, {"a": "dict"}), "expected one of set, counter"),
        ("records", "insert", ("k", {"a": "x"}, {"a": "counter"}), "expected an int"),
        ("records", "insert", ("k", {"a": {"x": 0}}, {"a": "counted_set"}), "positive"),
        ("records", "insert", ("k", {str(i): 1 for i in range(1001)}), "at most 1000"),
        ("records", "put", (5, {}), "a key is a str"),
    ],
)
def test_wrong_arguments_are_named(name, action, args, complaint):
    with pytest.raises(ValidationError, match=complaint):
        KINDS[name].check(action, args)


@pytest.mark.parametrize(
    ("name", "method", "args"),
    [
        ("records", "items", (None, 0)),
        ("records", "items", (None, 10**9)),
        ("records", "keys", (1, 5)),
        ("list", "get", (1.0,)),
        ("list", "slice", ("a",)),
        ("set", "contains", ({},)),
        ("dict", "get", (None,)),
    ],
)
def test_wrong_questions_are_refused(name, method, args):
    with pytest.raises(ValidationError):
        KINDS[name].check_read(method, args)


def test_an_index_out_of_range_is_named():
    kind = KINDS["list"]
    shared = Doc().get("it", type=kind.shared_type)
    shared.extend([1, 2])
    with pytest.raises(ValidationError, match=r"list.delete: index 1 to 3 is out of range: beyond the end"):
        kind.rehearse(shared, None, "delete", (1, 2))
    for index in (2, -3):
        with pytest.raises(ValidationError, match="out of range"):
            kind.read(shared, "get", (index,))
        with pytest.raises(ValidationError, match="out of range"):
            kind.answer([1, 2], "get", (index,))
    assert kind.read(shared, "get", (-1,)) == kind.answer([1, 2], "get", (-1,)) == 2


def test_a_plain_value_of_another_kind_is_refused():
    with pytest.raises(ProtoBaseError, match="is not a counter"):
        KINDS["counter"].replay("x", "add", (1,))


def test_xml_source_can_be_parsed():
    kind = KINDS["xml_fragment"]
    shared = Doc().get("it", type=kind.shared_type)
    for action, args in [
        ("insert_element", (0, "p", {"class": 'a"<b>'}, "1 < 2 & 3")),
        ("insert_element", (1, "q", {}, "<&>")),
    ]:
        kind.write(shared, action, kind.check(action, args), REPLICA)
    root = ElementTree.fromstring(f"<root>{kind.read(shared, 'value', ())}</root>")
    assert root[0].attrib == {"class": 'a"<b>'}
    assert root[0].text == "1 < 2 & 3"
    assert root[1].text == "<&>"


def test_field_kinds_are_kinds():
    assert all(KINDS[name] is kind for name, kind in FIELD_KINDS.items())


ALIKE = [(2**61 - 1) * n for n in range(1, MAX_ALIKE + 2)]


@pytest.mark.parametrize(
    "check",
    [lambda: SET.check("add", tuple(ALIKE)), lambda: SET.check_value(set(ALIKE), "tags")],
)
def test_elements_that_hash_alike_are_few(check) -> None:
    with pytest.raises(ValidationError, match="1001 have the same hash"):
        check()
