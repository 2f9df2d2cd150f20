"""Writes docs/reference/handler-language.md: `python -m tests.sandbox.write_language_page`."""

from pathlib import Path

from picloud.sandbox_pool.language_page import page

if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "reference" / "handler-language.md").write_text(page())
