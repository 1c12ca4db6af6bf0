"""TLS of a server and of the nodes that it dials, by files in PEM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobase_live.errors import ValidationError

if TYPE_CHECKING:
    from ssl import SSLContext


def server_tls(cert: str | None, key: str | None) -> SSLContext | None:
    """With a certificate, and what else it is signed with, in a file, and its key in another, or in the same.

    None without files. Raises ValidationError, which names the file that is not good.
    """
    if cert is None:
        if key is not None:
            raise ValidationError("a key alone is no TLS: name the certificate, too (--tls-cert)")
        return None
    import ssl  # a server without starts without

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files = cert if key is None else f"{cert}, {key}"
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except FileNotFoundError as error:
        raise ValidationError(f"{files}: {error.strerror} (--tls-cert, --tls-key)") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ValidationError(f"{files}: no certificate and key that belong together: {reason}") from None
    return context


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


def _no_password() -> str:
    raise ValueError("the key has a password: give one without")
