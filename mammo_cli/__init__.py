"""The command ``mammo``, which the scripts in ``tools/`` call too.

At import, its modules need only Python's standard library. ``mammo_plugins``, and with
it PyTorch, is imported after the arguments have been checked.
"""
