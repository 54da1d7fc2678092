"""BI-RADS categories as a continuous score.

MommiNet-v2 (section 3.7, table 1, eq. 3) places the categories 1 to 6 on [0, 1] by
distances between neighbours that radiologists estimated. A category's score is the
sum of the distances below it over the sum of all. Eq. 3 sums over i = 1 to 7, the
seven distances between the eight categories (4A, 4B and 4C are three); their total
is 10.8.
"""

import numpy as np

BIRADS_SCALE = ('1', '2', '3', '4A', '4B', '4C', '5', '6')
# between each category of BIRADS_SCALE and the next (table 1)
BIRADS_DISTANCES = (1.0, 1.5, 2.0, 1.5, 1.5, 1.8, 1.5)

_POSITIONS = np.concatenate(([0.0], np.cumsum(BIRADS_DISTANCES)))
_SCORE_OF = dict(zip(BIRADS_SCALE, (_POSITIONS / _POSITIONS[-1]).tolist()))
# the middle of 4A, 4B and 4C: the paper's readers always stated the letter
_SCORE_OF['4'] = _SCORE_OF['4B']


def birads_to_score(category: str | None) -> float | None:
    """Place a BI-RADS category on [0, 1].

    Args:
        category (str, optional): '1', '2', '3', '4', '4A', '4B', '4C', '5', '6' or
            '0'. A '4' without a letter counts as '4B', the middle of its three.

    Returns:
        float or None: The score of MommiNet-v2, table 1. ``None`` for '0'
        (assessment incomplete) and ``None`` (not stated), which carry no information on
        malignancy.

    Raises:
        ValueError: If it is not a BI-RADS category.
    """
    if category is None or category == '0':
        return None
    if category not in _SCORE_OF:
        raise ValueError(
            f'{category!r} is not a BI-RADS category; expected one of '
            f'{("0", "4", *BIRADS_SCALE)} or null'
        )
    return _SCORE_OF[category]


def score_to_birads(score: float) -> str:
    """Return the category whose score is nearest.

    Args:
        score (float): A score, such as a prediction; below 0 is '1', above 1 is '6'.

    Returns:
        str: One of ``BIRADS_SCALE``; the lower of two that are equally near.

    Raises:
        ValueError: If the score is NaN.
    """
    if np.isnan(score):
        raise ValueError('a score of NaN is near no BI-RADS category')
    return min(BIRADS_SCALE, key=lambda name: abs(_SCORE_OF[name] - score))
