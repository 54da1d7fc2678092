"""Text from files, printed and written: nothing in it acts."""

import ast
import csv
import io
import itertools
import logging
import re
import sys
import unicodedata
from pathlib import Path

import pytest

from mammo_plugins.printable import (
    csv_cell,
    figure_text,
    markdown,
    number_of,
    one_line,
    printable,
    printable_output,
)


def test_a_count_and_its_noun():
    said = [number_of(count, 'exam') for count in (0, 1, 2)]
    assert said == ['0 exams', '1 exam', '2 exams']


def test_commands_print_counts_by_it():
    """None has '{count} exams' in a text, which reads '1 exams' of one."""
    wrong = []
    for path in (Path(__file__).parents[1] / 'mammo_cli').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.JoinedStr):
                wrong += [
                    f'{path.name}:{node.lineno}: {after.value}'
                    for count, after in itertools.pairwise(node.values)
                    if isinstance(count, ast.FormattedValue)
                    and isinstance(after, ast.Constant)
                    and re.match(
                        ' (detection|error|exam|file|image|lesion|line|pair|part|'
                        'patient|picture|sample|view|warning)s\\b',
                        after.value,
                    )
                ]
    assert not wrong


def test_every_character_that_acts_is_escaped():
    """By the categories of Unicode, which the pattern does not use."""
    bidi = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    for code in range(sys.maxunicode + 1):
        kind = unicodedata.category(chr(code))
        acts = kind in ('Cc', 'Cs', 'Zl', 'Zp') or code in bidi
        shown = one_line(chr(code))
        if acts:
            assert shown.isascii() and shown.startswith('\\') and shown.isprintable()
        elif kind not in ('Cf', 'Cn'):  # of no width, and no characters yet
            assert shown == chr(code)


def test_lines_stay_lines():
    assert printable('a\n\tb\x1b[2J\rc') == 'a\n\tb\\x1b[2J\\rc'
    assert one_line('a\n\tb') == 'a\\n\\tb'
    assert one_line('exämple 1_CC.dcm') == 'exämple 1_CC.dcm'
    assert one_line('\udce9').encode() == rb'\udce9'


@pytest.mark.parametrize(
    'text, shown',
    [
        ('<script>a</script>', '&lt;script&gt;a&lt;/script&gt;'),
        ('a | b', r'a \| b'),
        (r'a \| b', r'a \\\| b'),
        ('![x](http://a)', r'!\[x\](http://a)'),
        ('`a` *b*\n# c', r'\`a\` \*b\*\n# c'),
        ('exam_1_L_CC.dcm', 'exam_1_L_CC.dcm'),
    ],
)
def test_markdown(text, shown):
    assert markdown(text) == shown


@pytest.mark.parametrize('cell', ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '-'])
def test_a_cell_is_no_formula(cell):
    text = io.StringIO()
    csv.writer(text).writerow([csv_cell(cell), csv_cell(-0.5), csv_cell('a=1')])
    first, *others = next(csv.reader([text.getvalue()]))
    assert first == "'" + one_line(cell) and others == ['-0.5', 'a=1']


def test_figures_show_dollars():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(figure_text('cost $\\frac$ of $x'))
    canvas.draw()  # raises where the text is taken for a formula


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_output_of_a_command(monkeypatch):
    before = logging.getLogRecordFactory()  # Ray has its own
    out, err = _Terminal(), _Terminal()
    monkeypatch.setattr(sys, 'stdout', out)
    monkeypatch.setattr(sys, 'stderr', err)
    with printable_output():
        print('a \x1b[31mred\x1b[0m \x9b2J\nnext')
        print('\r 50%|###  | \x1b[2J', file=sys.stderr)
        sys.stderr.write('\x1b[A')  # of a bar below another
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(
            logging.Formatter('\x1b[5m\x1b[4m\x1b[33m%(levelname)s\x1b[0m %(message)s')
        )
        logger = logging.Logger('a')
        logger.addHandler(handler)
        logger.handle(
            logger.makeRecord(
                'a', logging.WARNING, '', 1, 'of %s', ('\x1b[33mWARNING\x1b[0m',), None
            )
        )
        assert sys.stdout.isatty()
    assert out.getvalue() == (
        'a \\x1b[31mred\\x1b[0m \\x9b2J\nnext\n'
        '\x1b[5m\x1b[4m\x1b[33mWARNING\x1b[0m of \\x1b[33mWARNING\\x1b[0m\n'
    )
    assert err.getvalue() == '\r 50%|###  | \\x1b[2J\n\x1b[A'
    assert sys.stdout is out and logging.getLogRecordFactory() is before
