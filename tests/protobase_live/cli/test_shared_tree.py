"""Trees of shared types come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.cli.shared_tree import (
    array_trees,
    child_trees,
    fill_array,
    fill_children,
    fill_map,
    fill_text,
    map_trees,
    text_runs,
)
from protobase_live.errors import ValidationError

names = st.text("abc", min_size=1, max_size=3)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
marks = st.none() | st.dictionaries(names, st.booleans() | st.text(max_size=3), min_size=1, max_size=2)


@st.composite
def runs(draw):
    """Runs as `diff` gives them: not empty, and neighbours differ in their marks."""
    found = []
    for content, marked in draw(
        st.lists(st.tuples(st.text("aé😀", min_size=1, max_size=3), marks), max_size=4)
    ):
        if not found or found[-1][1] != marked:
            found.append([content, marked])
    return found


def tagged(name, content, **more):
    return st.fixed_dictionaries({"@": st.just(name), **more, "v": content})


attributes = st.dictionaries(names, st.text(max_size=3), max_size=2)
xml = st.recursive(
    tagged("y.xmltext", runs()),
    lambda inner: tagged("y.element", st.lists(inner, max_size=3), tag=names, attributes=attributes),
    max_leaves=6,
)
tree = st.recursive(
    plain | tagged("y.text", runs()) | tagged("y.xml", st.lists(xml, max_size=2)),
    lambda inner: (
        tagged("y.array", st.lists(inner, max_size=3))
        | tagged("y.map", st.dictionaries(names, inner, max_size=3))
    ),
    max_leaves=6,
)


WAYS = [
    (Map, fill_map, map_trees),
    (Array, fill_array, array_trees),
    (XmlFragment, fill_children, child_trees),
    (Text, fill_text, text_runs),
]
contents = st.tuples(
    st.dictionaries(names, tree, max_size=4), st.lists(tree, max_size=4), st.lists(xml, max_size=3), runs()
)


@given(contents)
def test_round_trip(contents):
    doc, copy = Doc(), Doc()
    for (kind, fill, _), content in zip(WAYS, contents, strict=True):
        fill(doc.get(kind.__name__, type=kind), content)
    copy.apply_update(doc.get_update())
    assert [read(copy.get(kind.__name__, type=kind)) for kind, _, read in WAYS] == list(contents)


def test_embedded_objects_and_attributes_of_any_type():
    doc = Doc()
    text = doc.get("text", type=Text)
    text += "ab"
    text.insert_embed(1, {"image": "u"})
    assert text_runs(text) == [["a", None], [{"image": "u"}, None], ["b", None]]
    fragment = doc.get("xml", type=XmlFragment)
    fragment.children.append(XmlElement("h", {}, [XmlText("t")])).attributes["level"] = 2
    copy = Doc()
    fill_text(copy.get("text", type=Text), text_runs(text))
    fill_children(copy.get("xml", type=XmlFragment), child_trees(fragment))
    assert text_runs(copy.get("text", type=Text)) == text_runs(text)
    assert child_trees(copy.get("xml", type=XmlFragment)) == child_trees(fragment)


def test_a_dict_that_looks_like_a_tag_is_a_dict():
    doc = Doc()
    shared = doc.get("map", type=Map)
    shared["k"] = {"@": "y.map", "v": {}}
    assert map_trees(shared) == {"k": {"@": "dict", "v": {"@": "y.map", "v": {}}}}
    fill_map(shared, {"l": map_trees(shared)["k"]})
    assert map_trees(shared)["l"] == map_trees(shared)["k"]


def test_a_document_within_a_document_is_named():
    shared = Doc().get("map", type=Map)
    shared["sub"] = Doc()
    assert map_trees(shared) == {"sub": {"@": "y.doc"}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"@": "y.map"},
        {"@": "y.map", "v": []},
        {"@": "y.array", "v": {}},
        {"@": "y.text", "v": "abc"},
        {"@": "y.text", "v": [["a"]]},
        {"@": "y.text", "v": [["a", ["bold"]]]},
        {"@": "y.xml", "v": ["text"]},
        {"@": "y.xml", "v": [{"@": "y.element", "v": []}]},
        {"@": "y.nosuch", "v": 1},
    ],
)
def test_malformed_trees_are_refused(wrong):
    with pytest.raises(ValidationError):
        fill_map(Doc().get("map", type=Map), {"k": wrong})
