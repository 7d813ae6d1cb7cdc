"""PROXY protocol headers as a load balancer writes them."""
import ipaddress
import socket
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
VIP = "198.51.100.1"  # the address that clients dial


def v1(client, port=40000, vip=VIP, vip_port=5060):
    return ("PROXY TCP%d %s %s %d %d\r\n" % (ipaddress.ip_address(client).version, client, vip, port, vip_port)).encode()


def v2(client, port=40000, vip=VIP, vip_port=5060, kind=socket.SOCK_STREAM, tlvs=b""):
    addresses = ipaddress.ip_address(client).packed + ipaddress.ip_address(vip).packed
    family = 1 if len(addresses) == 8 else 2
    body = addresses + struct.pack("!HH", port, vip_port) + tlvs
    return SIGNATURE + bytes([0x21, family << 4 | (1 if kind == socket.SOCK_STREAM else 2)]) + struct.pack("!H", len(body)) + body
