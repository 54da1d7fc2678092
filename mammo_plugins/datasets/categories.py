"""Roles of categories (class, left out, ignored) and the labels of their lesions."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from mammo_plugins.structures import AnnotationError

REST = 'rest'  # all other categories
NO_CLASS = -1  # label of a region that is ignored because of its category


Names = Sequence[str] | str


def check_lists(other_classes: Names, ignored_classes: Names) -> None:
    """Raise ``ValueError`` if an argument is not a list of categories.

    Args:
        other_classes, ignored_classes (Sequence[str] | str): Names, or 'rest'.
    """
    for name, listed, what in (
        ('other_classes', other_classes, 'leave out'),
        ('ignored_classes', ignored_classes, 'ignore'),
    ):
        if isinstance(listed, str) and listed != REST:
            raise ValueError(
                f'ExamDataset.{name}: {listed!r}; expected the names of the '
                f"categories to {what}, such as ('calcification', ), or '{REST}'"
            )
    if other_classes == ignored_classes == REST:
        raise ValueError(
            f"ExamDataset: other_classes and ignored_classes are both '{REST}'; "
            'the rest is either dropped or ignored'
        )


def without_rest(
    named: Sequence[str], classes: Sequence[str], *given: Names
) -> list[tuple[str, ...]]:
    """Return lists of categories with 'rest' expanded.

    Args:
        named (Sequence[str]): The categories of a file.
        classes (Sequence[str]): Those that are classes.
        *given (Sequence[str] | str): Lists of other categories; one may be 'rest'.
    """
    known = {*classes, *(name for listed in given if listed != REST for name in listed)}
    rest = tuple(name for name in named if name not in known)
    return [rest if listed == REST else tuple(listed) for listed in given]


def category_labels(
    categories: list[dict[str, Any]],
    classes: Sequence[str],
    other_classes: Sequence[str],
    ignored_classes: Sequence[str],
    ann_file: str,
) -> dict[int, int]:
    """Return the label of each category that is learned or ignored.

    Args:
        categories (list[dict]): Categories of the file, with ``id`` and ``name``.
        classes (Sequence[str]): Names in the order of labels.
        other_classes (Sequence[str]): Names that are left out.
        ignored_classes (Sequence[str]): Names whose label is ``NO_CLASS``.
        ann_file (str): Annotation file, for errors.

    Returns:
        dict[int, int]: Labels by category id.

    Raises:
        AnnotationError: If a category is in no list or in two of them, or one of
            ``classes`` is not in the file.
    """
    lists = dict(
        classes=classes, other_classes=other_classes, ignored_classes=ignored_classes
    )
    if isinstance(classes, str):
        raise AnnotationError(
            f'{ann_file}: classes {classes!r} is a text; expected a tuple of names, such '
            f'as ({classes!r}, ) with a comma for one'
        )
    named = [category['name'] for category in categories]
    unknown = [
        name for name in named if not any(name in listed for listed in lists.values())
    ]
    lacking = [name for name in classes if name not in named]
    both = [
        (pair, [name for name in lists[pair[0]] if name in lists[pair[1]]])
        for pair in combinations(lists, 2)
    ]
    both = [
        f'{names} are in {pair[0]} and in {pair[1]}' for pair, names in both if names
    ]
    if unknown or lacking or both:
        what = (
            f'classes {lacking} are not in the file'
            if lacking
            else both[0]
            if both
            else f'categories {unknown} are not in classes'
        )
        raise AnnotationError(
            f'{ann_file}: {what}; the file has {named}, classes are '
            f'{list(classes)}, other_classes {list(other_classes)}, '
            f'ignored_classes {list(ignored_classes)}: name every category of the '
            'file in metainfo=dict(classes=...) of the dataset, in '
            'other_classes=(...) to drop its lesions, or in '
            'ignored_classes=(...) to ignore their regions'
        )
    labels = {name: list(classes).index(name) for name in classes}
    labels.update(dict.fromkeys(ignored_classes, NO_CLASS))
    return {c['id']: labels[c['name']] for c in categories if c['name'] in labels}
