import importlib

from markupsafe import Markup


def qr_svg(text: str, title: str) -> Markup:
    """`text` as a QR code (ISO/IEC 18004), dark on light whatever the colours of the page: scanners want it so.

    What draws it is imported here: drawn once per user, it would cost every instance 0.8 MiB.
    """
    code = importlib.import_module("segno").make(text, error="m", micro=False)
    drawn = code.svg_inline(scale=5, border=4, light="white", svgclass=None, lineclass=None, omitsize=True, title=title)
    return Markup(drawn)  # noqa: S704
