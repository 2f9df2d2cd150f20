"""`python -m picloud.openapi` writes the document that the server serves, and the page on who may do what."""

import json

from picloud.openapi import access_page
from picloud.openapi.document import build
from picloud.views.openapi import DOCUMENT


def main() -> None:
    text = json.dumps(build(), indent=1, ensure_ascii=False)
    DOCUMENT.write_text(text + "\n", encoding="utf-8")
    access_page.PAGE.write_text(access_page.render(), encoding="utf-8")


if __name__ == "__main__":
    main()
