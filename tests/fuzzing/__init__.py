"""Altered inputs of every kind, made from sound ones, for what reads them.

A fuzzer is a module here with a subclass of :class:`Fuzzer`; the suite runs a few
cases of each (``tests/test_fuzzing.py``), ``make fuzz`` runs many.
"""

from .harness import Fault, Fuzzer, Report, fuzz, run_command

__all__ = ['Fault', 'Fuzzer', 'Report', 'fuzz', 'run_command']
