"""Is this address out in the world? Pure; the form of a URL and each address that a name leads to are judged here.

The list is written out, because what Python calls global differs between its versions and lets some through that
lead back inside. Sources: the IANA special-purpose address registries (RFC 6890 and its updates), RFC 6052
(64:ff9b::/96 carries any IPv4 address), RFC 3056 (2002::/16 too), RFC 4380 (2001::/32 too).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
PUBLIC_6 = IPv6Network(
    "2000::/3"
)  # everything else (::1, ::ffff:…, 64:ff9b::/96, fc00::/7, fe80::/10, ff00::/8) is not
NOT_PUBLIC_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the whole world may mean the same machine by it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_4)
    return address in PUBLIC_6 and not address.scope_id and not any(address in network for network in NOT_PUBLIC_6)


def literal(name: str) -> IPv4Address | IPv6Address | None:
    """The address that a host's name spells out; None for a name."""
    try:
        return ip_address(name)
    except ValueError:
        return None
