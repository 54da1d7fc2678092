"""One module a command, called as it is; ``COMMAND`` in it says all of it."""
