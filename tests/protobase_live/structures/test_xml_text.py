"""The source of a fragment can be parsed, whatever Yjs clients put into it, and says the same."""

from itertools import groupby
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycrdt import Doc, Map, XmlElement, XmlFragment, XmlText

from protobase_live.model.values import MAX_DEPTH
from protobase_live.structures import KINDS
from protobase_live.structures.xml_names import original_name, xml_name

FRAGMENT = KINDS["xml_fragment"]

odd = st.sampled_from(
    ["", "xmlns", "xml:lang", "a:b", "a b", "1", "-", "_x0041_", "_x_", "größe", "é", "😀", "\r"]
)
names = odd | st.text(max_size=4) | st.sampled_from("abc")
texts = st.text(max_size=6) | st.sampled_from(["\r\n", "\n\t", "<&>\"'", "]]>", "\x00\x1f", "\ufffe\uffff"])
attributes = st.dictionaries(names, texts, max_size=3)
runs = st.lists(st.tuples(texts, st.dictionaries(names, attributes, max_size=2)), max_size=3)
trees = st.recursive(
    runs, lambda inside: st.tuples(names, attributes, st.lists(inside, max_size=3)), max_leaves=6
)


def put(children, tree):
    """Into a document: a list of runs is a text, else it is an element."""
    if isinstance(tree, list):
        children.append(XmlText())
        text = children[len(children) - 1]
        for content, marks in merged(tree):
            text.insert(len(text), content, marks)
        return
    tag, pairs, inside = tree
    children.append(XmlElement(tag, pairs))
    for each in inside:
        put(children[len(children) - 1].children, each)


def merged(runs):
    """The runs as Yjs has them: those with the same marks are one."""
    groups = groupby(((content, marks) for content, marks in runs if content), key=lambda run: run[1])
    return [("".join(content for content, _ in group), marks) for marks, group in groups]


def allowed(text):
    """The text as XML has it: what is no character there is U+FFFD."""
    return "".join(
        each
        if each in "\t\n\r" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each > "\uffff"
        else "\ufffd"
        for each in text
    )


def said(tree):
    """What a parser has to find: texts, and elements with their names."""
    if isinstance(tree, list):
        found = []
        for content, marks in merged(tree):
            inside = [allowed(content)]
            for name in sorted(marks, reverse=True):
                inside = [(name, {key: allowed(value) for key, value in marks[name].items()}, inside)]
            found += inside
        return found
    tag, pairs, inside = tree
    children = [each for child in inside for each in said(child)]
    return [(tag, {key: allowed(value) for key, value in pairs.items()}, joined(children))]


def joined(nodes):
    """Texts beside each other are one."""
    found = []
    for node in nodes:
        if isinstance(node, str) and found and isinstance(found[-1], str):
            found[-1] += node
        elif node != "":
            found.append(node)
    return found


def parsed(node):
    children = [node.text or ""]
    for child in node:
        children += [parsed(child), child.tail or ""]
    pairs = {original_name(name): value for name, value in node.attrib.items()}
    return (original_name(node.tag), pairs, joined(children))


@given(st.lists(trees, max_size=3))
@example([("p", {"xmlns": "x", "xml:lang": "de", "": "y"}, [[("a\r\nb\x00", {"a:b": {"\n": "\t\r\n\"'"}})]])])
def test_any_fragment_can_be_parsed_and_says_the_same(children):
    fragment = Doc().get("x", type=XmlFragment)
    for each in children:
        put(fragment.children, each)
    source = FRAGMENT.read(fragment, "value", ())
    assert source == FRAGMENT.answer(FRAGMENT.plain(fragment), "value", ())
    found = parsed(ElementTree.fromstring(f"<root>{source}</root>"))
    expected = joined([each for child in children for each in said(child)])
    assert found == ("root", {}, expected)


@given(names, names)
def test_names_stay_different_and_can_be_read_back(one, other):
    assert original_name(xml_name(one)) == one
    assert (xml_name(one) == xml_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("paragraph", "paragraph"),
        ("data-id", "data-id"),
        ("größe", "größe"),
        ("a b", "a_x0020_b"),
        ("1st", "_x0031_st"),
        ("svg:rect", "svg_x003A_rect"),
        ("xmlns", "_x0078_mlns"),
        ("_x0020_", "_x005F_x0020_"),
        ("😀", "_x0001F600_"),
        ("", "_x_"),
    ],
)
def test_names(name, source):
    assert xml_name(name) == source


def test_every_letter_that_is_left_as_it_is_is_one_to_a_parser():
    letters = [
        chr(point)
        for point in range(0x10000)
        if not 0xD800 <= point < 0xE000 and xml_name(chr(point)) == chr(point)
    ]
    assert len(letters) > 30_000
    ElementTree.fromstring("".join(("<root>", *(f"<{each} {each}=''/>" for each in letters), "</root>")))


def test_xml_within_a_text_stands_in_it_and_other_things_are_left_out():
    fragment = Doc().get("x", type=XmlFragment)
    fragment.children.append(XmlText("ab"))
    text = fragment.children[0]
    text.insert_embed(1, XmlElement("br"))
    text.insert_embed(2, Map({"a": 1}))
    text.insert_embed(3, {"image": "x"})
    assert FRAGMENT.read(fragment, "value", ()) == "a<br></br>b"


@pytest.mark.parametrize(
    ("value", "source"),
    [(2, "2"), (1.5, "1.5"), (True, "true"), (None, "null"), (2**60, str(2**60)), ([1], "[1]")],
)
def test_attributes_that_are_no_texts(value, source):
    fragment = Doc().get("x", type=XmlFragment)
    fragment.children.append(XmlElement("p"))
    fragment.children[0].attributes["n"] = value
    assert FRAGMENT.read(fragment, "value", ()) == f'<p n="{source}"></p>'


def test_texts_that_are_embedded_in_each_other_are_cut():
    fragment = Doc().get("x", type=XmlFragment)
    fragment.children.append(XmlText("x"))
    text = fragment.children[0]
    for _ in range(2 * MAX_DEPTH):
        text.insert_embed(0, XmlText("x"))
        text = text.diff()[0][0]
    assert len(FRAGMENT.read(fragment, "value", ())) == MAX_DEPTH
