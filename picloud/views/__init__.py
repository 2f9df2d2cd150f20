"""HTTP in, JSON out: views read the request, call a service and shape its answer."""
