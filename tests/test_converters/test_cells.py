"""Cells in the spellings that the data sets' tables have."""

import pytest

from mammo_plugins.converters.cells import (
    CONCERN,
    is_empty,
    most_concerning,
    read_all_birads,
    read_birads,
    read_densest,
    read_density,
    read_flag,
    read_side,
)
from mammo_plugins.structures import BIRADS


@pytest.mark.parametrize(
    'text, category',
    [
        ('0', '0'),
        ('6', '6'),  # CBIS-DDSM; INbreast
        ('4a', '4A'),
        ('4 C', '4C'),
        (' 5 ', '5'),  # INbreast
        ('BI-RADS 3', '3'),  # VinDr-Mammo
        ('bi-rads: 4b', '4B'),
        ('BIRADS_2', '2'),
        ('Bi rads 1', '1'),
        ('BIRADS4', '4'),
        ('4.0', '4'),
        ('4,0', '4'),  # numbers of spreadsheets
    ],
)
def test_categories(text, category):
    assert read_birads(text) == category
    assert read_all_birads(text) == [category]


@pytest.mark.parametrize(
    'text', ['', '_', 'N/A', 'nan', '7', '45', '4.5', '3a', 'BI-RADS', 'b', '04']
)
def test_texts_that_are_no_category(text):
    assert read_birads(text) is None
    assert read_all_birads(text) == []


@pytest.mark.parametrize(
    'text, categories',
    [
        ('4$2', ['2', '4']),
        ('3$2$2', ['2', '2', '3']),  # CDD-CESM
        ('0$2', ['2', '0']),
        ('4a$3', ['3', '4A']),
        ('4.0$2.0', ['2', '4']),
        ('4$_', ['4']),
        ('4 / 5', ['4', '5']),
        ('3-4', ['3', '4']),
        ('BI-RADS 4, BI-RADS 2', ['2', '4']),
        ('2 benign', ['2']),
    ],
)
def test_several_categories_are_not_one(text, categories):
    assert read_all_birads(text) == categories
    assert read_birads(text) is None


def test_concern_ranks_each_category_once():
    assert sorted(CONCERN) == sorted(BIRADS)
    assert most_concerning(['2', '0', '3', None]) == '0'
    assert most_concerning(['4', '0']) == '4'
    assert most_concerning(['4B', '4', '2']) == '4B'
    assert most_concerning(['6', '5']) == '6'
    assert most_concerning([]) is None and most_concerning([None]) is None


@pytest.mark.parametrize(
    'text, density',
    [
        ('1', 'A'),
        ('4', 'D'),
        ('3.0', 'C'),  # INbreast, CBIS-DDSM
        ('DENSITY B', 'B'),  # VinDr-Mammo
        ('c ', 'C'),
        ('ACR C', 'C'),
        ('acr-d', 'D'),
        ('density_a', 'A'),
        ('', None),
        ('_', None),
        ('0', None),
        ('5', None),
        ('dense', None),
        ('DENSITY', None),
        ('E', None),
        ('2.5', None),
    ],
)
def test_densities(text, density):
    assert read_density(text) == density


@pytest.mark.parametrize(
    'text, density',
    [
        ('b ', 'B'),
        ('ACR C', 'C'),
        ('B$C', 'C'),
        ('C/B', 'C'),
        ('4', 'D'),
        ('_', None),
        ('dense', None),
        ('12', None),
    ],
)
def test_the_densest_of_several(text, density):
    assert read_densest(text) == density


def test_several_densities_are_not_one():
    assert read_density('B$C') is None and read_density('b-c') is None


@pytest.mark.parametrize(
    'text, flag',
    [
        ('1', True),
        ('1.0', True),
        ('True', True),
        ('YES', True),
        (' y ', True),
        ('0', False),
        ('0,00', False),
        ('FALSE', False),
        ('no', False),
        ('N', False),
        ('', None),
        ('2', None),
        ('10', None),
        ('0.5', None),
        ('-1', None),
        ('nan', None),
    ],
)
def test_flags(text, flag):
    assert read_flag(text) is flag


@pytest.mark.parametrize(
    'text, side',
    [
        ('L', 'L'),
        ('left', 'L'),
        (' r', 'R'),
        ('RIGHT', 'R'),
        ('B', None),
        ('', None),
        ('LR', None),
        ('nan', None),
    ],
)
def test_sides(text, side):
    assert read_side(text) == side


@pytest.mark.parametrize('text', ['', ' ', '-', 'nan', 'NaN', 'n/a', ' None', '<NA>'])
def test_cells_that_say_nothing(text):
    assert is_empty(text)


@pytest.mark.parametrize(
    'text', ['0', 'N', 'nano', 'no', 'no finding', ' a ', 'normal']
)
def test_cells_that_say_something(text):
    assert not is_empty(text)
