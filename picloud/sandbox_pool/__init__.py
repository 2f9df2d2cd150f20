"""Runs handlers: an executor child, forked workers, and the driver that gives them events.

Two halves that share only `protocol`, `limits` and `language`. The trusted half (`pool`, `driver`, `executor`) lives in
the server; the worker half (`zygote`, `worker`, `context`, `guards`, …) is imported only by the executor child and
knows nothing but the standard library and RestrictedPython. Nothing is imported here, so that either half stays lean.
"""
