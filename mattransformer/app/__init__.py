"""A page in the browser, an HTTP interface and tools for agents: a thin layer over the public Python interface."""
