"""Events to many clients: one read of what is new per search, however many follow it; every stream can be resumed."""
