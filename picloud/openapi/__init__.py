"""What the API is, for its OpenAPI document: one file per resource, with its operations and the shapes of its answers.

No server imports it: `python -m picloud.openapi` writes the document, which `picloud.views.openapi` serves as it is.
"""
