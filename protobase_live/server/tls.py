"""TLS of a server and of the nodes that it dials, by files in PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobase_live.errors import ValidationError

if TYPE_CHECKING:
    from ssl import SSLContext

    from protobase_live.server.certificate import Certificate


def server_tls(cert: str | None, key: str | None) -> Certificate | None:
    """With a certificate, and what else it is signed with, in a file, and its key in another, or in the same.

    None without files. Raises ValidationError, which names the file that is not good.
    """
    if cert is None:
        if key is not None:
            raise ValidationError("a key alone is no TLS: name the certificate, too (--tls-cert)")
        return None
    from protobase_live.server.certificate import Certificate  # a server without starts without

    return Certificate(cert, key)


def peer_tls(ca: str | None) -> SSLContext | None:
    """For dialing nodes whose certificates are signed by those in a file, None: by those of this machine.

    Raises ValidationError.
    """
    if ca is None:
        return None
    import ssl

    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise ValidationError(f"{ca}: there are no certificates in it that can be read: {error}") from None
