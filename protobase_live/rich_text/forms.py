"""The forms in which a document is read and written: ProseMirror JSON, HTML, Markdown, plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.rich_text.dialects import neutral, said_in
from protobase_live.rich_text.document import Node, check_document

PROSEMIRROR_JSON = "prosemirror"


class Form(NamedTuple):
    """A form that is text, made of TipTap's words and read as them."""

    media_type: str
    writer: str
    """Its module and function, `html:html_of`: both are imported when they are asked for."""
    reader: str


FORMS: Mapping[str, Form] = {
    "html": Form("text/html", "html:html_of", "html_reader:document_of_html"),
    "markdown": Form("text/markdown", "markdown_writer:markdown_of", "markdown_reader:document_of_markdown"),
    "text": Form("text/plain", "plain:text_of", "plain:document_of_text"),
}
"""By name; ProseMirror JSON is what they are made of."""


def _function(name: str) -> Callable[[Any], Any]:
    """A writer or a reader. Raises ValidationError where its library is missing."""
    module, function = name.split(":")
    try:
        return getattr(import_module(f"protobase_live.rich_text.{module}"), function)
    except ImportError as error:
        raise ValidationError(
            f"this form needs the package {error.name}: pip install 'protobase-live[richtext]'"
        ) from None


def write_form(document: Node, form: str) -> Any:
    """A document in a form. Raises ValidationError for one that there is not."""
    return document if form == PROSEMIRROR_JSON else _function(_form(form).writer)(neutral(document))


def read_form(content: Any, form: str, dialect: str) -> Node:
    """The document that content in a form says, in the words of a dialect.

    ProseMirror JSON has its own words. Raises ValidationError, LimitExceeded.
    """
    if form == PROSEMIRROR_JSON:
        return check_document(content)
    found = _form(form)
    if not isinstance(content, str):
        raise ValidationError(f"the content is {short(content)}; expected a str of {form}")
    return check_document(said_in(_function(found.reader)(content), dialect))


def _form(name: str) -> Form:
    form = FORMS.get(name)
    if form is None:
        raise ValidationError(
            f"there is no form {short(name)}; forms are {', '.join([PROSEMIRROR_JSON, *FORMS])}"
        )
    return form
