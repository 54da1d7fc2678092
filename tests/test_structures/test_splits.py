from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_plugins.structures import (
    empty_parts,
    filling_ratios,
    kfold_patients,
    split_patients,
)

RATIOS = dict(train=0.8, val=0.1, test=0.1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=120), st.integers(0, 5))
def test_no_patient_is_in_two_parts(numbers, seed):
    patients = [f'p{n}' for n in numbers]
    parts = split_patients(patients, RATIOS, seed)
    members = sum(parts.values(), [])
    assert sorted(members) == sorted(set(patients))


def test_sizes_are_the_ratios():
    parts = split_patients([f'p{i}' for i in range(2578)], RATIOS)
    # MommiNet-v2, section 3.1: 2,578 cases by 8:1:1
    assert [len(parts[k]) for k in RATIOS] == [2062, 258, 258]


def test_seed_decides():
    patients = [f'p{i}' for i in range(50)]
    assert split_patients(patients, RATIOS, 1) == split_patients(
        list(reversed(patients)), RATIOS, 1
    )
    assert split_patients(patients, RATIOS, 1) != split_patients(patients, RATIOS, 2)


def test_strata_keep_their_mix():
    patients = [f'p{i}' for i in range(200)]
    strata = [i % 4 == 0 for i in range(200)]
    abnormal = {p for p, s in zip(patients, strata) if s}
    for seed in range(5):
        parts = split_patients(patients, RATIOS, seed, strata)
        for name, share in RATIOS.items():
            found = len(abnormal & set(parts[name]))
            assert abs(found - 50 * share) <= 1


def test_folds_hold_out_each_patient_once():
    patients = [f'p{i % 23}' for i in range(60)]
    folds = kfold_patients(patients, 5, seed=3)
    held_out = Counter(p for _, part in folds for p in part)
    assert held_out == Counter(set(patients))
    for train, part in folds:
        assert not set(train) & set(part)
        assert set(train) | set(part) == set(patients)
        assert len(part) in (4, 5)


@pytest.mark.parametrize('ratios', [dict(a=0.5, b=0.4), dict(a=1.5, b=-0.5)])
def test_ratios_must_sum_to_one(ratios):
    with pytest.raises(ValueError, match='sum to 1'):
        split_patients(['p'], ratios)


@pytest.mark.parametrize('folds', [1, 4])
def test_more_folds_than_patients(folds):
    with pytest.raises(ValueError, match='folds'):
        kfold_patients(['a', 'b', 'a', 'c'], folds)


def test_strata_of_another_length():
    with pytest.raises(ValueError, match='strata'):
        split_patients(['a', 'b'], dict(train=1.0), strata=[True])


@given(st.integers(1, 60), st.integers(0, 100), st.integers(0, 3))
def test_empty_parts_are_named_with_a_share_that_fills_them(number, val, seed):
    patients = [f'p{i}' for i in range(number)]
    ratios = dict(train=1 - val / 100, val=val / 100, test=0.0)
    said = empty_parts(ratios, split_patients(patients, ratios, seed))
    parts = split_patients(patients, ratios, seed)
    assert len(said) == sum(
        share > 0 and not parts[part] for part, share in ratios.items()
    )
    for sentence in said:
        part = sentence.split(' ')[1]
        share = float(sentence.partition('give it ')[2].split(' ')[0])
        other = dict(train='val', val='train')[part]
        if share < 1:
            assert split_patients(patients, {part: share, other: 1 - share}, seed)[part]


@given(st.integers(1, 60), st.integers(0, 100), st.integers(0, 100), st.integers(0, 3))
def test_filling_ratios_leave_no_wanted_part_empty(number, one, other, seed):
    train, val = sorted((one, other))
    ratios = dict(train=train / 100, val=(val - train) / 100, test=(100 - val) / 100)
    wanted = [part for part, share in ratios.items() if share > 0]
    filling = filling_ratios(ratios, number)
    assert bool(filling) == (number >= len(wanted))
    if filling:
        patients = [f'p{i}' for i in range(number)]
        parts = split_patients(patients, filling, seed)
        assert [part for part in parts if parts[part]] == wanted
        assert sum(map(len, parts.values())) == number


@pytest.mark.parametrize(
    'number, shares',
    [(5, (0.6, 0.2, 0.2)), (3, (0.32, 0.34, 0.34)), (100, (0.8, 0.1, 0.1)), (2, ())],
)
def test_filling_ratios(number, shares):
    found = filling_ratios(dict(train=0.8, val=0.1, test=0.1), number)
    assert tuple(found.values()) == shares
