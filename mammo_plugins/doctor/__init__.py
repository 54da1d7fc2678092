"""Check this machine for mammo_plugins, and name the cure for each problem.

The folder is self-contained and needs only Python's standard library. Nothing is
imported from the rest of the package before that is known to import, and ``mammo
doctor`` loads this folder even if ``mammo_plugins`` does not import.
"""

from .summary import report

__all__ = ['report']
