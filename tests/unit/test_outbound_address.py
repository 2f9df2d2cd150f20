from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.outbound.address import IpAddress, is_public

PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 100.128.0.1 192.0.1.1 2606:4700::1111 2a00:1450::1 64:ff9b::8.8.8.8"
LOCAL_4 = (
    "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1 100.64.0.1 "
    "100.127.255.255 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 "
    "192.0.0.1 192.88.99.1"
)
METADATA = "169.254.169.254 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254 fe80::a9fe:a9fe"
LOCAL_6 = (
    "::1 :: fe80::1 fe80::1%eth0 2606:4700::1111%1 fc00::1 fdff::1 fec0::1 ff02::1 2001:db8::1 3fff::1 100::1 5f00::1"
)
EMBEDDED = "::ffff:{0} ::{0} 64:ff9b::{0} 64:ff9b:1::{0} 64:ff9b:1:0::{0}"


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", f"{LOCAL_4} {METADATA} {LOCAL_6}".split())
def test_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("inner", LOCAL_4.split() + METADATA.split()[:4])
def test_an_address_inside_another_is_found(inner: str) -> None:
    number = int(IPv4Address(inner))
    for text in EMBEDDED.format(inner).split():
        assert not is_public(ip_address(text))
    assert not is_public(IPv6Address((0x2002 << 112) | (number << 80) | 1))
    assert not is_public(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)))


@given(st.ip_addresses())
def test_never_more_than_the_standard_library_calls_global(address: IpAddress) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback, address.is_link_local))
