"""Authentication and authorisation of requests. What the rules are is data, in `picloud.domain.access`."""
