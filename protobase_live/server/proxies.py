"""Which address a client has, also behind proxies that are believed."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from protobase_live.errors import ValidationError
from protobase_live.model.arguments import texts

IPV6_SITE_BITS = 64
"""So many bits of an IPv6 address are one client's: it chooses all others as it likes."""

MAX_FORWARDED = 32
"""Addresses of a chain of proxies that are looked at."""


class Proxies:
    """The proxies whose word on whom they forward is taken; without any, an address is that of the socket."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        """``trusted`` are addresses and networks. Raises ValidationError for what is none."""
        given = texts("trusted_proxies=", "a list such as ['10.0.0.0/8']", trusted)
        try:
            self._networks = [ip_network(each) for each in given]
        except ValueError as error:
            raise ValidationError(
                f"trusted_proxies: {error}; expected addresses or networks such as 10.0.0.0/8"
            ) from None

    def trusts(self, host: str | None) -> bool:
        """Whether what comes from there is a proxy's."""
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def client(self, host: str | None, forwarded: str = "") -> str | None:
        """The address that counts for who has connected from ``host``; None where there is none."""
        return _name(self.source(host, forwarded))

    def source(self, host: str | None, forwarded: str = "") -> str | None:
        """The host itself of who has connected from ``host``, as it was told; None where there is none.

        ``forwarded`` is the header X-Forwarded-For, to which each proxy adds whom it has it from: what stands
        before the last one that is not trusted is anybody's word.
        """
        chain = [each.strip() for each in forwarded.split(",")[-MAX_FORWARDED:]]
        while chain and self.trusts(host):
            if _address(told := chain.pop()) is None:
                break
            host = told
        return host or None


NO_PROXIES = Proxies()
"""Nobody's word is taken."""


def _address(host: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((host or "").partition("%")[0].strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _name(host: str | None) -> str | None:
    """An address as it counts: of IPv6 a client has a whole network."""
    address = _address(host)
    if address is None:
        return host or None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_SITE_BITS), strict=False))
    return str(address)
