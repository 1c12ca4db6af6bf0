"""What users may store, and the forms it takes in a document, in MessagePack and in JSON.

A value is None, a bool, an int, a finite float, a str, bytes, a datetime, a date, a list of values or a
dict of values with str keys. Answers may also hold a set, and a dict whose keys are atoms. An **atom** is
what a set may hold and a hash dictionary may have as a key: a value that is no list or dict, or a tuple of
atoms.

What a form cannot hold by itself is tagged: ``{"@": <type>, "v": <content>}``.

============  ======================================================  ===============================
type          content                                                 where
============  ======================================================  ===============================
``int``       decimal digits                                          document and JSON beyond
                                                                      ±(2**53-1), MessagePack beyond
                                                                      64 bits
``datetime``  ISO 8601                                                everywhere
``date``      ISO 8601                                                everywhere
``bytes``     base64                                                  JSON
``dict``      a dict that has itself the key ``"@"``                  everywhere
``set``       its elements, sorted by `key_text`                      MessagePack, JSON
``map``       [key, value] pairs of a dict whose keys are not all     MessagePack, JSON
              str, sorted by `key_text`
============  ======================================================  ===============================

JavaScript has one number type, so 1.0 and 1 are one value: integral floats are written as integers.
"""

from __future__ import annotations

from protobase_live.model.values.checking import (
    MAX_ALIKE,
    MAX_DEPTH,
    MAX_INT_BITS,
    MAX_VALUE_BYTES,
    check,
    copy,
    quoted,
    require_unlike,
    short,
)
from protobase_live.model.values.decoding import (
    MAX_INT_DIGITS,
    MAX_WIRE_DEPTH,
    from_doc,
    from_json,
    text_key,
    unpack,
)
from protobase_live.model.values.encoding import (
    MAX_ATOM_BYTES,
    check_atom,
    digest,
    digest_packed,
    key_text,
    pack,
    portions,
    same,
    to_doc,
    to_json,
)
from protobase_live.model.values.long_decoding import unpack_in_steps
from protobase_live.model.values.long_json import from_json_in_steps

__all__ = [
    "MAX_ALIKE",
    "MAX_ATOM_BYTES",
    "MAX_DEPTH",
    "MAX_INT_BITS",
    "MAX_INT_DIGITS",
    "MAX_VALUE_BYTES",
    "MAX_WIRE_DEPTH",
    "check",
    "check_atom",
    "copy",
    "digest",
    "digest_packed",
    "from_doc",
    "from_json",
    "from_json_in_steps",
    "key_text",
    "pack",
    "portions",
    "quoted",
    "require_unlike",
    "same",
    "short",
    "text_key",
    "to_doc",
    "to_json",
    "unpack",
    "unpack_in_steps",
]
