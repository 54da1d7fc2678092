"""BI-RADS scores are those of MommiNet-v2, table 1."""

import pytest

from mammo_plugins.structures import (
    BIRADS,
    BIRADS_DISTANCES,
    BIRADS_SCALE,
    birads_to_score,
    score_to_birads,
)

# the right column of the table
TABLE_1 = {
    '1': 0,
    '2': 0.0926,
    '3': 0.2315,
    '4A': 0.4167,
    '4B': 0.5556,
    '4C': 0.6944,
    '5': 0.8611,
    '6': 1,
}


@pytest.mark.parametrize('category, score', TABLE_1.items())
def test_scores_are_the_papers(category, score):
    assert round(birads_to_score(category), 4) == score


def test_total_of_the_distances():
    assert sum(BIRADS_DISTANCES) == pytest.approx(10.8)
    assert len(BIRADS_DISTANCES) == len(BIRADS_SCALE) - 1 == 7


def test_what_says_nothing_has_no_score():
    assert birads_to_score('0') is None
    assert birads_to_score(None) is None


def test_four_without_a_letter_is_the_middle_of_its_three():
    assert birads_to_score('4') == pytest.approx(0.5556, abs=5e-5)


def test_every_category_of_the_format_is_known():
    scores = [birads_to_score(category) for category in BIRADS]
    assert sum(score is None for score in scores) == 1


@pytest.mark.parametrize('category', ['7', '4D', '', 'BI-RADS 3', 3])
def test_others_are_refused(category):
    with pytest.raises(ValueError, match='not a BI-RADS category'):
        birads_to_score(category)


@pytest.mark.parametrize(
    'score, category',
    [
        (-0.3, '1'),
        (0.0462, '1'),
        (0.0464, '2'),
        (0.2, '3'),
        (0.5, '4B'),
        (0.4167, '4A'),
        (0.77, '4C'),
        (0.79, '5'),
        (0.93, '5'),
        (0.94, '6'),
        (1.7, '6'),
    ],
)
def test_nearest_category(score, category):
    assert score_to_birads(score) == category


def test_there_and_back():
    assert [score_to_birads(birads_to_score(name)) for name in BIRADS_SCALE] == list(
        BIRADS_SCALE
    )


def test_nan_is_near_nothing():
    with pytest.raises(ValueError, match='NaN'):
        score_to_birads(float('nan'))
