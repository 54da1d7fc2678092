"""A few seeded cases of every fuzzer; ``make fuzz`` runs many."""

import pytest
from fuzzing import Fault, Fuzzer, fuzz
from fuzzing.__main__ import fuzzers


@pytest.mark.parametrize('name', fuzzers())
def test_no_fault(name, tmp_path):
    kind = fuzzers()[name]
    report = fuzz(kind(tmp_path), range(kind.in_suite))
    assert not report.faults, report.faults
    assert sum(report.outcomes.values()) == kind.in_suite


class _Bad(Fuzzer):
    name, seconds, secrets = 'bad calls', 0.2, ['Secretname']

    def case(self, rng, number):

        def hang():
            while True:
                pass

        def leak():
            print('of Secretname')

        def control():
            print('\x1b]0;title')

        def panic():
            raise BaseException('of a decoder')

        def lie():
            raise Fault('not finite')

        def fine():
            print('\x1b[31mred\x1b[0m')
            return 'read'

        return str(number), [hang, leak, control, panic, lie, fine][number]


def test_the_harness_sees_faults(tmp_path):
    report = fuzz(_Bad(tmp_path), range(6))
    assert dict(report.outcomes) == {
        'hang': 1,
        'leak': 1,
        'raw text': 1,
        'traceback': 1,
        'not finite': 1,
        'read': 1,
    }
    assert [fault.number for fault in report.faults] == [0, 1, 2, 3, 4]
