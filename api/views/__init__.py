"""From the records of `search` to the JSON of the service: pure functions, and the few reads that feed them."""
