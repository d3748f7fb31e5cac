"""What stands before every route: pure ASGI middlewares that refuse by default, one rule per file."""
