"""Loopback addresses: each cluster of this machine has a part of its own, told by the port of its API server."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

# Every pod has an address of its own, so that all of them can listen on the same port; so has a load balancer.
_PODS = ipaddress.IPv4Network("127.64.0.0/10")
_BALANCERS = ipaddress.IPv4Network("127.192.0.0/12")
_PARTS_BITS = 12


def pod_network(url: str) -> ipaddress.IPv4Network:
    """1022 addresses for the pods of the cluster at ``url``."""
    return _part(_PODS, url)


def balancer_network(url: str) -> ipaddress.IPv4Network:
    """254 addresses for its load balancers."""
    return _part(_BALANCERS, url)


def _part(whole: ipaddress.IPv4Network, url: str) -> ipaddress.IPv4Network:
    number = (urlsplit(url).port or 443) % 2**_PARTS_BITS
    prefix = whole.prefixlen + _PARTS_BITS
    return ipaddress.IPv4Network((int(whole.network_address) + (number << (32 - prefix)), prefix))
