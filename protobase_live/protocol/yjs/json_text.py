"""JSON that reached us as text: valid for every reader we pass it on to, repaired, or refused."""

import json
import re
from typing import NoReturn, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_JSON_DEPTH = 100
"""Arrays and objects inside one another; the native document library stops at 128."""


def parse_json(text: str) -> JsonValue:
    """Parse strict JSON (RFC 8259): no NaN, no lone surrogates, no endless nesting.

    Raises:
        ValueError: the text is no such JSON; the message says why.
    """
    try:
        decode = _decode if _SPECIAL_NUMBER.search(text) else _decode_ordinary
        value: JsonValue = decode(text)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH and _depth(value) > MAX_JSON_DEPTH:
        raise ValueError(f"JSON is nested deeper than {MAX_JSON_DEPTH}")
    if "\\" in text:
        _encodable(value)
    return value


def repair_json(text: str) -> str:
    """JSON as JavaScript writes it, as JSON that `parse_json` takes.

    Half a surrogate pair becomes U+FFFD, as it does in UTF-8; an integer outside of 64 bits the nearest
    float, which is what JavaScript had.

    Raises:
        ValueError: the text is no JSON, or has something else that cannot be passed on.
    """
    try:
        value = _decode_loosely(text)
        repaired = _HALF_PAIR.sub("\ufffd", json.dumps(value, ensure_ascii=False, allow_nan=False))
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    parse_json(repaired)
    return repaired


_HALF_PAIR = re.compile("[\ud800-\udfff]")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is not a number that fits 64 bits")
    return number


def _representable(text: str) -> int:
    number = int(text)
    if 2**63 <= number < 2**64:
        raise ValueError(f"{text} is an integer the native document library cannot hold")
    return number


def _double(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**63 else _finite(text)


_decode_loosely = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_double
).decode

_decode_ordinary = json.JSONDecoder(parse_constant=_refuse_constant).decode
"""For numbers that need no look; a large text is read several times as fast."""

_SPECIAL_NUMBER = re.compile(r"[0-9](?:[eE]|[0-9]{18})")
"""What may begin a number too large to be held: `_decode` looks at it, and has to be used."""

_decode = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_representable
).decode


def _depth(value: JsonValue) -> int:
    depth, level = 0, [value]
    while nested := [item for item in level if isinstance(item, list | dict)]:
        level = [child for item in nested for child in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth


def _encodable(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("JSON holds half of a surrogate pair") from None
