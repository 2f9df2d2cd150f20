"""How much of one mail is looked at and kept. What goes beyond is cut, and `truncated` says so."""

TEXT_MAX_CHARS = 1024 * 1024
"""Of `text`, and of `html`."""
HEADERS_MAX = 500
HEADER_MAX_CHARS = 65_536
HEADER_BLOCK_MAX_BYTES = 512 * 1024
ADDRESSES_MAX = 200
ADDRESS_MAX_CHARS = 998
REFERENCES_MAX = 100
ATTACHMENTS_MAX = 100
FILENAME_MAX_CHARS = 1024
MIME_PARTS_MAX = 1_000
MIME_DEPTH_MAX = 10
MIME_LINES_LIKE_BOUNDARIES_MAX = 20_000
PARAMETERS_MAX = 64
"""Of one header field: a file name of 4 KiB in RFC 2231's pieces. The standard library takes 10 µs for each."""
FORM_FIELDS_MAX = 200
