"""Brings deliveries from the outbox to their handlers: claim, run, settle."""
