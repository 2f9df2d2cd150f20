"""The OpenAPI document, as it stands in the project."""

from pathlib import Path

from pyramid.request import Request
from pyramid.response import FileResponse, Response

from picloud.views.api import public

DOCUMENT = Path(__file__).with_name("openapi.json")
"""Written by `python -m picloud.openapi`; a test keeps it equal to the routes."""


@public("openapi", "GET")
def read(request: Request) -> Response:
    response = FileResponse(DOCUMENT, request=request, content_type="application/json", cache_max_age=300)
    response.charset = None
    response.conditional_response = True
    return response
