"""Programs that prepare a machine for SparSearch; standard library only."""
