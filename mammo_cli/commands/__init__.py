"""One module per command, with its name; ``COMMAND`` in the module defines it."""
