"""Rich texts: the documents of editors such as TipTap and BlockNote, in the forms that programs read and
write.

ProseMirror JSON is the neutral form (`document`). An editor keeps it in a Y.XmlFragment (`prosemirror`), in
words of its own (`dialects`); HTML, Markdown and plain text are made of TipTap's words, and become them
(`forms`). Pure.
"""

from protobase_live.rich_text.blocknote import ids_of, with_free_ids
from protobase_live.rich_text.dialects import DIALECTS, TIPTAP, is_of_blocknote, neutral, require_dialect
from protobase_live.rich_text.document import (
    MAX_DOCUMENT_BYTES,
    MAX_LEVELS,
    MAX_NODES,
    Node,
    check_document,
)
from protobase_live.rich_text.forms import FORMS, PROSEMIRROR_JSON, read_form, write_form
from protobase_live.rich_text.lexical import is_lexical
from protobase_live.rich_text.prosemirror import document_of, plain_form, trees_of
from protobase_live.rich_text.trees import Tree, element_tree, text_tree

__all__ = [
    "DIALECTS",
    "FORMS",
    "MAX_DOCUMENT_BYTES",
    "MAX_LEVELS",
    "MAX_NODES",
    "PROSEMIRROR_JSON",
    "TIPTAP",
    "Node",
    "Tree",
    "check_document",
    "document_of",
    "element_tree",
    "ids_of",
    "is_lexical",
    "is_of_blocknote",
    "neutral",
    "plain_form",
    "read_form",
    "require_dialect",
    "text_tree",
    "trees_of",
    "with_free_ids",
    "write_form",
]
