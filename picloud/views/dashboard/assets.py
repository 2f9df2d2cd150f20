"""What pages load: read once, compressed once, named by its content so that browsers keep it for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.errors import NotFound
from picloud.views.api import public

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "woff2": "font/woff2"}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str
    plain: bytes
    compressed: bytes
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """By file name."""
    found = {}
    for file in (resources.files("picloud") / "static").iterdir():
        media_type = MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[file.name] = Asset(media_type, content, gzip.compress(content, mtime=0), digest)
    return found


def asset_url(name: str) -> str:
    return f"/static/{assets()[name].digest}/{name}"


@public("static", "GET")
def static(request: Request) -> Response:
    asset = assets().get(request.matchdict["name"])
    if asset is None:
        raise NotFound("There is no such file.")
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(asset.compressed if zipped else asset.plain, content_type=asset.media_type, charset="utf-8")
    response.headers.update({"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"})
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response
