"""The bundle: everything a user needs to fine-tune, trust and repeat the answer of a search."""
