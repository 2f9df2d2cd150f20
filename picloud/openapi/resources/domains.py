import msgspec

from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.app_domains import NewDomain


class Domain(msgspec.Struct):
    """A host name whose calls go to the app's routes."""

    domain: str
    created_at: Moment


DOMAINS = Resource(
    "domains",
    "Host names of an app.",
    (
        Operation(
            route="app_domains",
            method="GET",
            id="list_domains",
            summary="List an app's host names",
            query=PAGE,
            answers={200: page(Domain, "DomainPage")},
        ),
        Operation(
            route="app_domains",
            method="POST",
            id="add_domain",
            summary="Give an app a host name",
            body=NewDomain,
            example={"domain": "shop.example.com"},
            answers={201: Domain},
        ),
        Operation(route="app_domain", method="DELETE", id="remove_domain", summary="Take a host name away"),
    ),
)
