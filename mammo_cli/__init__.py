"""The command ``mammo``, and what the scripts of ``tools/`` call.

Its modules import Python's standard library alone; ``mammo_plugins``, and with it
PyTorch, is imported when the arguments are known to be right.
"""
