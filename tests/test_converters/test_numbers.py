"""Numbers of tables, with points, commas, blanks and apostrophes."""

import pytest

from mammo_plugins.converters.numbers import NumberReader


@pytest.mark.parametrize(
    'cell, value',
    [
        ('310', 310),
        ('-5', -5),
        ('+5', 5),
        ('\u22125', -5),
        ('310.5', 310.5),
        ('.5', 0.5),
        ('5.', 5),
        ('1e3', 1000),
        ('1E+03', 1000),
        ('1.5e-1', 0.15),
        ('0,125', 0.125),
        ('310,5', 310.5),
        ('1060,125', 1060.125),
        ('1,060.5', 1060.5),
        ('1.060,5', 1060.5),
        ('1,060,500', 1060500),
        ('1.060.500', 1060500),
        ('1 060', 1060),
        ("1'060", 1060),
        ('1\u2019060', 1060),
        ('12 060 500', 12060500),
        ('1 060,5', 1060.5),
        ("1'060.125", 1060.125),
        ('1 060,125', 1060.125),
        ('1060px', 1060),
        ('1060 px', 1060),
        ('1,060.5 pixels', 1060.5),
        ('310.125', 310.125),
        ('1.060', 1.06),
        ('1,060e2', 106),
        ('12345.678', 12345.678),
        (' 7 ', 7),
    ],
)
def test_a_number_by_itself(cell, value):
    assert NumberReader([cell]).read(cell) == value


@pytest.mark.parametrize(
    'cell',
    [
        'here',
        '',
        'inf',
        '-inf',
        'Infinity',
        'nan',
        '1,06,0',
        '1,060,50',
        '1.060,500,2',
        '1 06',
        '1060 500',
        '12 34',
        '5 mm',
        '50%',
        '1_000',
        '0x10',
        '--5',
        '1..5',
        '1,,5',
        '1060 / 2',
        ',',
        '.',
        '#REF!',
        '[1]',
        '1e999',
    ],
)
def test_no_number(cell):
    with pytest.raises(ValueError) as error:
        NumberReader([cell]).read(cell)
    assert str(error.value) == ''


@pytest.mark.parametrize('cell', ['1,060', '-310,125', '12,000px'])
def test_a_comma_that_may_be_either_is_refused(cell):
    reader = NumberReader([cell, '980', '2040', '1060'])
    with pytest.raises(ValueError, match='separates thousands or is the decimal'):
        reader.read(cell)


@pytest.mark.parametrize(
    'others, cell, value',
    [
        (['310.5'], '1,060', 1060),  # the point is the decimal sign
        (['1,060.5'], '1,060', 1060),
        (['2,001,060'], '1,060', 1060),
        (['310,5'], '1,060', 1.06),
        (['0,125'], '310,125', 310.125),
        (['1.060,5'], '1,060', 1.06),
        (['310,5'], '1.060', 1060),  # the comma is the decimal sign
        (['1.060.200'], '1.060', 1060),
        (['1 060,25'], '1.060', 1060),
        (['here', '', '5'], '1.060', 1.06),
    ],
)
def test_what_one_number_tells_holds_for_all(others, cell, value):
    assert NumberReader([cell, *others]).read(cell) == value


def test_numbers_that_disagree_tell_nothing():
    reader = NumberReader(['310,5', '310.5', '1,060', '1.060'])
    assert reader.read('310,5') == reader.read('310.5') == 310.5
    for cell in ('1,060', '1.060'):
        with pytest.raises(ValueError, match=r'1060 or 1\.060'):
            reader.read(cell)


@pytest.mark.parametrize(
    'cells, refused',
    [
        (['1.060', '1.100', '2.500', '2.900'], True),
        (['1.060', '1.100', '2.500', '2.900', '7'], True),
        (
            ['1.060', '1.100', '2.500', '12.500'],
            False,
        ),  # as programs write three decimals
        (['1.060', '1.100', '2.500', '2.900', '0.5'], False),
        (['1.060'], False),
    ],
)
def test_points_that_could_part_thousands(cells, refused):
    reader = NumberReader(cells)
    if refused:
        with pytest.raises(ValueError, match='1060 or 1.060'):
            reader.read('1.060')
    else:
        assert reader.read(cells[0]) == float(cells[0])
