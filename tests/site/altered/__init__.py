"""Settings of server processes that differ from the others of their site in one thing, as faults make them."""
