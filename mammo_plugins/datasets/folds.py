"""Cross-validation fold of a data set."""

from logging import WARNING
from typing import Any

from mmengine.logging import print_log

from mammo_plugins.structures import is_fold

# settings of a data set in which its fold replaces {fold}
FOLD_SETTINGS = (
    'ann_file',
    'data_root',
    'data_prefix',
    'extra_roots',
    'detection_file',
    'pipeline',
)


def check_fold(ann_file: str, fold: Any, named: bool) -> None:
    """Raise ``ValueError`` for an invalid fold; warn if a fold has no effect.

    Args:
        ann_file (str): Identifies the data set.
        fold (int, optional): Counted from 1; ``None`` for no fold.
        named (bool): Whether a setting of the data set contains ``{fold}``.
    """
    if fold is None:
        return
    if not is_fold(fold):
        raise ValueError(
            f'{ann_file}: fold is {fold!r}; expected its number, from 1 on'
        )
    if not named:
        print_log(
            f'{ann_file}: fold is {fold} and has no effect, because none of '
            f'{", ".join(FOLD_SETTINGS)} contains {{fold}}; set ann_file to such '
            f"as 'annotations/fold_{{fold}}/train.json', or fold to None",
            logger='current',
            level=WARNING,
        )
