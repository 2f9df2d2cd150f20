"""Inbound email: signatures, provider adapters and the shape of a message. Pure functions: no I/O, no framework."""
