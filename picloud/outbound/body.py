"""The body of a response: read piece by piece, decompressed, and counted as it grows."""

import http.client
import zlib
from collections.abc import Iterator

from picloud.outbound.errors import OutboundFailed

_READ_BYTES = 8 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def read_body(response: http.client.HTTPResponse, max_bytes: int) -> tuple[bytes, bool]:
    """(body, whether it was decompressed). gzip is undone, since it is all that we ask for; any other encoding, which
    only a handler can have asked for, is left as it is. Raises OutboundFailed, OSError, http.client.HTTPException.
    """
    pieces = _pieces(response)
    zipped = (response.headers.get("content-encoding") or "").strip().lower() in ("gzip", "x-gzip")
    body = _joined(_unzipped(pieces, max_bytes) if zipped else pieces, max_bytes)
    return body, zipped and bool(body)


def _joined(pieces: Iterator[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise OutboundFailed(f"the answer is larger than {max_bytes} bytes")
    return bytes(body)


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := response.read(_READ_BYTES):
        yield piece
    if response.length:
        raise OutboundFailed("the server closed the connection before the end of its answer")


def _unzipped(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Each piece of at most `max_bytes` and one, so that a bomb is noticed before it goes off."""
    unzip = zlib.decompressobj(_GZIP_WINDOW)
    begun = False
    for piece in pieces:
        begun = True
        while piece:
            if unzip.eof:
                unzip = zlib.decompressobj(_GZIP_WINDOW)  # RFC 1952, 2.2: members follow one another
            try:
                yield unzip.decompress(piece, max_bytes + 1)
            except zlib.error:
                raise OutboundFailed("the answer says that it is gzip, and isn't") from None
            piece = unzip.unconsumed_tail or unzip.unused_data
    if begun and not unzip.eof:
        raise OutboundFailed("the server closed the connection before the end of its answer")
