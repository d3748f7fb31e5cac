"""The JSON of the service as types: what may be asked, and everything that is answered. OpenAPI is made from them."""
