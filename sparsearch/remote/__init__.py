"""Commands that ask a service instead of this machine; same look, same exit codes."""
