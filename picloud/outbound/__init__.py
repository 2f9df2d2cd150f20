"""Guarded HTTP requests to the outside, on behalf of handlers: what `ctx.http` does on the trusted side."""
