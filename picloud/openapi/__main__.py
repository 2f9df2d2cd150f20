"""`python -m picloud.openapi` writes the document that the server serves."""

import json

from picloud.openapi.document import build
from picloud.views.openapi import DOCUMENT


def main() -> None:
    text = json.dumps(build(), indent=1, ensure_ascii=False)
    DOCUMENT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
