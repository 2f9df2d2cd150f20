"""The page on who may do what is what the tables say."""

from picloud.openapi.access_page import PAGE, render


def test_the_page_equals_the_tables() -> None:
    """When this fails, run `python -m picloud.openapi`."""
    assert PAGE.read_text(encoding="utf-8") == render()
