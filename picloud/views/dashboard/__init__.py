"""The dashboard: pages over the same services, capabilities and audit as the API."""
