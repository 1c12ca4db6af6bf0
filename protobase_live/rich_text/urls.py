"""Which addresses of links and images are passed on: others could run code in whoever opens them."""

from __future__ import annotations

import re
from typing import Any

_SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms", "ftp"})
_IMAGES = re.compile(r"data:image/(?:png|gif|jpeg|webp|avif);base64,", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202f\ufeff]+")
"""What browsers leave out of an address, or people do not see in it."""

_SCHEME = re.compile(r"([^/?#:]*):")


def safe_link(address: Any) -> str | None:
    """The address of a link; None for one that is none, or has not the scheme of a page, mail or call."""
    if not isinstance(address, str):
        return None
    scheme = _SCHEME.match(_IGNORED.sub("", address))
    return address if scheme is None or scheme[1].lower() in _SCHEMES else None


def safe_image(address: Any) -> str | None:
    """The address of an image, which may also be in the address itself."""
    if isinstance(address, str) and _IMAGES.match(address):
        return address
    return safe_link(address)
