"""A document of a Hocuspocus socket that is served."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.server.editor_pass import EditorPass
from protobase_live.server.expiry import Expiry
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.hocuspocus_session import HocuspocusSession


@dataclass(slots=True)
class Served:
    """What there is of it."""

    line: HocuspocusLine
    session: HocuspocusSession
    collection: str
    entry: EditorPass
    """What its client may do there; a new one for each token that it comes with."""
    expiry: Expiry

    def let_in(self, entry: EditorPass) -> None:
        """Its client may do from now on what ``entry`` says."""
        if self.entry is not entry:
            self.entry.close()
            self.entry = entry
        self.session.author = entry.author
        self.expiry.set(entry.expires)
        entry.give(self.session)
