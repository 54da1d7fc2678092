"""What this machine has for mammo_plugins, and the cure for what it lacks.

It stands alone: only Python's standard library is needed, nothing is imported from
the rest of the package before that has been found to import, and ``mammo doctor``
loads this folder where ``mammo_plugins`` does not import.
"""

from .summary import report

__all__ = ['report']
