"""Where does a caller come from? The address behind our own proxies; pages and live lines ask alike."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def caller(remote: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Give the caller's address: `remote`, or, when that is a proxy of ours, what `forwarded` tells; "" for none.

    Each of our proxies appends the address that it saw to X-Forwarded-For, so the list is read from its end, up to
    the first address that is no proxy of ours; what a caller wrote before that is never looked at.
    """
    hops = forwarded.split(",")
    address = _address(remote)
    while address is not None and _is_in(address, trusted) and hops and (told := _address(hops.pop())) is not None:
        address = told
    return str(address) if address is not None else ""


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None
