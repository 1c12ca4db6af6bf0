"""Values keep their meaning in every form, and nothing else gets in."""

import enum
import json
import math
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map

from protobase_live.errors import ValidationError
from protobase_live.model import values

SAFE = 2**53 - 1

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
numbers = st.one_of(
    st.integers(-10, 10),
    st.integers(),
    st.integers(2**52, 2**65),
    st.sampled_from([SAFE, SAFE + 1, -SAFE, -SAFE - 1, 2**63, 2**64, -(2**63) - 1, 10**300]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(-0.0),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(max_size=8),
    st.binary(max_size=8),
    st.datetimes(timezones=st.none() | zones),
    st.dates(),
)
keys = st.text(max_size=4) | st.sampled_from(["@", "v"])
tags = st.fixed_dictionaries(
    {"@": st.sampled_from(["int", "date", "dict", "set", "bytes"]), "v": st.text(max_size=3)}
)
user_values = st.recursive(
    scalars | tags,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
atoms = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)


def shape(value):
    """A form in which Python's == tells all that a value's own forms tell."""
    if isinstance(value, dict):
        return {"dict": sorted(((shape(k), shape(v)) for k, v in value.items()), key=repr)}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(shape, value)]
    if isinstance(value, (set, frozenset)):
        return ["set", *sorted(map(shape, value), key=repr)]
    if isinstance(value, datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, float) and value.is_integer() and abs(value) <= SAFE and str(value) != "-0.0":
        return ["int", int(value)]
    return [type(value).__name__, repr(value)] if isinstance(value, float) else [type(value).__name__, value]


def through_document(value):
    """What another document reads after it was sent an update."""
    here, there = Doc(), Doc()
    here.get("m", type=Map)["v"] = values.to_doc(value)
    there.apply_update(here.get_update())
    assert shape(values.from_doc(here.get("m", type=Map)["v"])) == shape(value)
    return values.from_doc(there.get("m", type=Map)["v"])


@given(user_values)
def test_round_trips(value):
    value = values.check(value, "it")
    assert shape(through_document(value)) == shape(value)
    assert shape(values.unpack(values.pack(value))) == shape(value)
    assert shape(values.from_json(json.loads(json.dumps(values.to_json(value), allow_nan=False)))) == shape(
        value
    )


@given(user_values)
def test_check_is_idempotent_and_copies(value):
    checked = values.check(value, "it")
    assert shape(values.check(checked, "it")) == shape(checked)
    copied = values.copy(checked)
    assert shape(copied) == shape(checked)
    assert copied is not checked or not isinstance(checked, (list, dict))


@given(st.sets(atoms, max_size=5), st.dictionaries(atoms, st.integers(1, 9), max_size=4))
def test_answers_with_sets_and_other_keys_round_trip(elements, counts):
    elements = {values.check_atom(element, "it") for element in elements}
    counts = {values.check_atom(key, "it"): n for key, n in counts.items()}
    answer = {"set": elements, "counts": counts, "list": [elements]}
    assert shape(values.unpack(values.pack(answer))) == shape(answer)
    assert shape(values.from_json(json.loads(json.dumps(values.to_json(answer))))) == shape(answer)
    assert values.copy(answer) == answer


@given(user_values, user_values)
def test_packed_bytes_and_digests_tell_values_apart(one, other):
    one, other = values.check(one, "it"), values.check(other, "it")
    equal = shape(one) == shape(other)
    assert (values.pack(one) == values.pack(other)) == equal
    assert (values.digest(one) == values.digest(other)) == equal
    assert len(values.digest(one)) == 8


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_ELSEWHERE = datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))
close = st.sampled_from(
    [0, 1, True, False, 1.0, -0.0, 0.0, 2**60, float(2**60), "1", None, NOON, NOON_ELSEWHERE]
)
close_atoms = st.recursive(close, lambda inner: st.lists(inner, max_size=2).map(tuple), max_leaves=3)
close_values = st.one_of(
    st.recursive(close, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2)),
    st.sets(close_atoms, max_size=3),
    st.dictionaries(close_atoms, close, max_size=2),
)


@given(close_values, close_values)
def test_same_is_equality_of_what_is_stored(one, other):
    assert values.same(one, other) == (values.pack(one) == values.pack(other))


@pytest.mark.parametrize(
    ("one", "other"), [(NOON, NOON_ELSEWHERE), (0, -0.0), (2**60, float(2**60)), (1, True)]
)
def test_what_python_calls_equal_is_not_the_same_wherever_it_stands(one, other):
    for within in (lambda value: value, lambda value: [1, [value]], lambda value: {"a": {"b": value}}):
        assert within(one) == within(other)
        assert not values.same(within(one), within(other))
        assert values.same(within(one), values.unpack(values.pack(within(one))))


@given(st.permutations(["a", "b", "c", "é", "😀", ""]))
def test_packing_is_canonical(names):
    assert values.pack(dict.fromkeys(names)) == values.pack(dict.fromkeys(sorted(names)))
    assert values.pack(set(names)) == values.pack({*sorted(names)})


def key_shape(atom):
    """`shape` of a key: there, 0.0 and -0.0 are the same."""
    if isinstance(atom, tuple):
        return ["tuple", *map(key_shape, atom)]
    return shape(0 if atom == 0 and isinstance(atom, float) else atom)


key_atoms = atoms.filter(lambda atom: len(values.pack(atom)) <= values.MAX_ATOM_BYTES)


@given(key_atoms, key_atoms)
def test_key_text_is_injective_and_round_trips(one, other):
    texts = values.key_text(one), values.key_text(other)
    assert (texts[0] == texts[1]) == (key_shape(one) == key_shape(other))
    assert key_shape(values.text_key(texts[0])) == key_shape(one)
    assert not set(texts[0]) & set("|=+/@")


def test_key_text_separates_what_python_does_not():
    assert len({values.key_text(atom) for atom in (1, True, "1", b"1", (1,), (True,))}) == 6
    assert values.key_text(1) == values.key_text(1.0)
    assert values.key_text((1, [2])) == values.key_text((1, (2,)))


@pytest.mark.parametrize(
    "text", ["", "?", "AQ==", "AQAA", "wQ", "gA", "kYA", "yz_wAAAAAAAA", "y3_4AAAAAAAA", "é"]
)
def test_text_key_takes_only_what_key_text_gives(text):
    with pytest.raises(ValidationError):
        values.text_key(text)


@given(st.text(max_size=12) | st.binary(max_size=9).map(lambda data: data.hex()))
def test_text_key_raises_nothing_else(text):
    with suppress(ValidationError):
        assert values.key_text(values.text_key(text)) == text


class Color(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def test_check_gives_the_final_form():
    moment = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    given_value = {"a": (1, (2,)), "b": Color.RED, "c": Level.HIGH, "d": moment, Color.RED: True}
    checked = values.check(given_value, "it")
    assert checked == {"a": [1, [2]], "b": "red", "c": 3, "d": moment, "red": True}
    assert type(checked["b"]) is str
    assert type(checked["c"]) is int
    assert checked["d"].tzinfo == timezone(timedelta(hours=2))
    assert {type(key) for key in checked} == {str}


def deep(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({1}, r"it is \{1\} \(set\); expected None, bool"),
        (object, "expected None"),
        (bytearray(b"x"), "bytearray"),
        (1j, "complex"),
        (timedelta(1), "timedelta"),
        (math.nan, "it is nan; expected a finite float"),
        ([math.inf], r"it\[0\] is inf"),
        ({"a": [1, {"b": {2}}]}, r"it\['a'\]\[1\]\['b'\] is \{2\}"),
        ({1: 2}, r"it\[1\] is under the key 1 \(int\); a key is a str"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        (deep(values.MAX_DEPTH + 1), f"deeper than {values.MAX_DEPTH} levels"),
        (1 << values.MAX_INT_BITS, f"{values.MAX_INT_BITS + 1} bits"),
        ("x" * values.MAX_VALUE_BYTES, f"larger than {values.MAX_VALUE_BYTES} bytes"),
        (["x" * 1000] * 1100, "larger than"),
        ("😀" * (values.MAX_VALUE_BYTES // 4), "larger than"),
    ],
)
def test_check_names_what_is_wrong(value, complaint):
    with pytest.raises(ValidationError, match=complaint):
        values.check(value, "it")


def test_check_survives_what_contains_itself():
    loop = []
    loop.append(loop)
    with pytest.raises(ValidationError, match="deeper"):
        values.check(loop, "it")
    with pytest.raises(ValidationError):
        values.pack(loop)


def test_values_at_the_limits_pass():
    for value in (
        deep(values.MAX_DEPTH),
        -(1 << values.MAX_INT_BITS) + 1,
        "x" * (values.MAX_VALUE_BYTES - 1),
    ):
        checked = values.check(value, "it")
        assert values.unpack(values.pack(checked)) == value
        assert values.from_json(json.loads(json.dumps(values.to_json(checked)))) == value
        assert through_document(checked) == value
    nested = {"@": 1}
    for _ in range(values.MAX_DEPTH - 1):
        nested = {"@": nested}
    assert values.unpack(values.pack(values.check(nested, "it"))) == nested


@pytest.mark.parametrize("atom", [[], {}, {1}, (1, {}), math.nan, (), (((1,),),), "x" * 600])
def test_check_atom(atom):
    if atom in ([], (), (((1,),),)):
        assert values.check_atom(atom, "it") == (tuple(atom))
    else:
        with pytest.raises(ValidationError, match=r"^it"):
            values.check_atom(atom, "it")


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=5)
    | st.binary(max_size=5).map(bytearray)
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.fixed_dictionaries(
            {
                "@": inner | st.sampled_from(["int", "datetime", "date", "dict", "bytes", "set", "map"]),
                "v": inner,
            }
        )
    ),
    max_leaves=8,
)


@given(junk)
def test_from_doc_never_fails_and_gives_values(stored):
    value = values.from_doc(stored)
    assert shape(values.unpack(values.pack(value))) == shape(value)


@given(st.lists(st.floats() | st.integers(-(2**60), 2**60).map(float)))
def test_numbers_in_a_list_are_read_as_each_of_them(stored):
    singly = [values.from_doc(number) for number in stored]
    assert repr(values.from_doc(stored)) == repr(singly)


def test_from_doc_cuts_what_is_too_deep():
    assert "None" in repr(values.from_doc(deep(values.MAX_WIRE_DEPTH + 5)))


@given(
    st.binary(max_size=30)
    | junk.map(
        lambda value: (
            msgpack.packb(value, default=repr, strict_types=False) if not isinstance(value, int) else b"\xc1"
        )
    )
)
@settings(max_examples=50)
def test_unpack_raises_only_validation_errors(data):
    with suppress(ValidationError):
        values.unpack(data)


@pytest.mark.parametrize(
    "raw",
    [
        {"@": "int", "v": "1_0"},
        {"@": "int", "v": "9" * 5000},
        {"@": "int", "v": 5},
        {"@": "nothing", "v": 1},
        {"@": "date"},
        {"@": "date", "v": "x"},
        {"@": "bytes", "v": "?"},
        {"@": "set", "v": 1},
        {"@": "set", "v": [{}]},
        {"@": "map", "v": [[1]]},
        {"@": "dict", "v": []},
        math.nan,
        "\ud800",
        {"\ud800": 1},
        deep(values.MAX_WIRE_DEPTH + 5),
    ],
)
def test_from_json_refuses(raw):
    with pytest.raises(ValidationError):
        values.from_json(raw)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x81\x01\x02", b"\xd6\xff\x00\x00\x00\x00", b"\x91" * 2000 + b"\xc0", b"\x01\x01"],
)
def test_unpack_refuses(data):
    with pytest.raises(ValidationError):
        values.unpack(data)


def test_integral_floats_are_ints():
    assert values.pack(1.0) == values.pack(1)
    assert type(through_document(7.0)) is int
    assert math.copysign(1, through_document(-0.0)) == -1
    assert values.digest({"a": 2.0}) == values.digest({"a": 2})
    assert type(values.from_doc(float(date(2024, 1, 1).year))) is int


@pytest.mark.parametrize("count", [0, 1, 15, 16, 256, 257, 70_000])
def test_portions_are_what_pack_gives(count):
    value = [{"b": n, "a": "x"} for n in range(count)] if count < 1000 else list(range(count))
    found = list(values.portions(value))
    assert b"".join(found) == values.pack(value)
    assert values.digest_packed(found) == values.digest(value)
    assert len(found) > count // 300


ALIKE = [(2**61 - 1) * n for n in range(1, values.MAX_ALIKE + 2)]
"""Numbers to which Python gives the same hash."""


@pytest.mark.parametrize(
    "tagged",
    [
        {"@": "set", "v": [{"@": "int", "v": str(n)} for n in ALIKE]},
        {"@": "set", "v": [[{"@": "int", "v": str(n)}] for n in ALIKE]},
        {"@": "map", "v": [[{"@": "int", "v": str(n)}, None] for n in ALIKE]},
    ],
)
def test_elements_that_hash_alike_are_few(tagged):
    """A set of 60,000 of them takes half a minute to make."""
    for decoded in (values.from_json, lambda raw: values.unpack(msgpack.packb(raw))):
        with pytest.raises(ValidationError, match="1001 have the same hash"):
            decoded(tagged)
        assert len(decoded({**tagged, "v": tagged["v"][1:]})) == values.MAX_ALIKE
