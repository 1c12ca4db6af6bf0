"""The forms in which a document is read and written: ProseMirror JSON, HTML, Markdown, plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.rich_text.dialects import neutral, said_in
from protobase_live.rich_text.document import Node, check_document
from protobase_live.rich_text.html import html_of
from protobase_live.rich_text.html_reader import document_of_html
from protobase_live.rich_text.markdown_writer import markdown_of
from protobase_live.rich_text.plain import document_of_text, text_of

PROSEMIRROR_JSON = "prosemirror"


class Form(NamedTuple):
    """A form that is text, made of TipTap's words and read as them."""

    media_type: str
    write: Callable[[Node], str]
    read: Callable[[str], Node]


def _document_of_markdown(source: str) -> Node:
    """Imported when it is asked for. Raises ValidationError where the library is missing."""
    try:
        reader = import_module("protobase_live.rich_text.markdown_reader")
    except ImportError as error:
        raise ValidationError(
            f"this form needs the package {error.name}: pip install 'protobase-live[richtext]'"
        ) from None
    return reader.document_of_markdown(source)


FORMS: Mapping[str, Form] = {
    "html": Form("text/html", html_of, document_of_html),
    "markdown": Form("text/markdown", markdown_of, _document_of_markdown),
    "text": Form("text/plain", text_of, document_of_text),
}
"""By name; ProseMirror JSON is what they are made of."""


def write_form(document: Node, form: str) -> Any:
    """A document in a form. Raises ValidationError for one that there is not."""
    return document if form == PROSEMIRROR_JSON else _form(form).write(neutral(document))


def read_form(content: Any, form: str, dialect: str) -> Node:
    """The document that content in a form says, in the words of a dialect.

    ProseMirror JSON has its own words. Raises ValidationError, LimitExceeded.
    """
    if form == PROSEMIRROR_JSON:
        return check_document(content)
    found = _form(form)
    if not isinstance(content, str):
        raise ValidationError(f"the content is {short(content)}; expected a str of {form}")
    return check_document(said_in(found.read(content), dialect))


def _form(name: str) -> Form:
    form = FORMS.get(name)
    if form is None:
        raise ValidationError(
            f"there is no form {short(name)}; forms are {', '.join([PROSEMIRROR_JSON, *FORMS])}"
        )
    return form
