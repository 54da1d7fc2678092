"""Command lines: arguments, users' errors, and what a command does before its call.

A tool of ``tools/`` is made of these and of one call into the package.
"""
