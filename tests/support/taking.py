"""Takes what a Yjs client sent into a document, as a collection does, without pauses."""

from protobase_live.document import Document
from protobase_live.document.document import Sender
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import Unforeseen


def take_at_once(document: Document, update: bytes, sender: Sender) -> bool:
    """Whether all of it fits. Raises what `Document.take_in_steps` raises."""
    try:
        return document.take(update, sender)
    except Unforeseen:
        return at_once(document.take_in_steps(update, sender))
