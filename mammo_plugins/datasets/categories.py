"""Which label the lesions of a category have."""
from itertools import combinations
from typing import Any, Dict, List, Sequence

from mammo_plugins.structures import AnnotationError

NO_CLASS = -1  # label of a region that is ignored for its category


def category_labels(categories: List[Dict[str, Any]], classes: Sequence[str],
                    other_classes: Sequence[str], ignored_classes: Sequence[str],
                    ann_file: str) -> Dict[int, int]:
    """Return the label of each category that is learned or ignored.

    Args:
        categories (list[dict]): Of the file, with ``id`` and ``name``.
        classes (Sequence[str]): Names in the order of labels.
        other_classes (Sequence[str]): Names that are left out.
        ignored_classes (Sequence[str]): Names whose label is ``NO_CLASS``.
        ann_file (str): For errors.

    Returns:
        dict[int, int]: Labels by the ids of categories.

    Raises:
        AnnotationError: If a category is in none or in two of the lists, or one of
            ``classes`` is not in the file.
    """
    lists = dict(classes=classes, other_classes=other_classes,
                 ignored_classes=ignored_classes)
    if isinstance(classes, str):
        raise AnnotationError(
            f'{ann_file}: classes {classes!r} is a text; expected a tuple of names, such '
            f'as ({classes!r}, ) with a comma for one')
    named = [category['name'] for category in categories]
    unknown = [name for name in named if not any(
        name in listed for listed in lists.values())]
    lacking = [name for name in classes if name not in named]
    both = [(pair, [name for name in lists[pair[0]] if name in lists[pair[1]]])
            for pair in combinations(lists, 2)]
    both = [f'{names} are in {pair[0]} and in {pair[1]}'
            for pair, names in both if names]
    if unknown or lacking or both:
        what = (f'classes {lacking} are not in the file' if lacking else
                both[0] if both else f'categories {unknown} are not in classes')
        raise AnnotationError(
            f'{ann_file}: {what}; the file has {named}, classes are {list(classes)}, '
            f'other_classes {list(other_classes)}, ignored_classes '
            f'{list(ignored_classes)}: name every category of the file in '
            'metainfo=dict(classes=...) of the dataset, in other_classes=(...) to leave '
            'its lesions out, or in ignored_classes=(...) to ignore their regions')
    labels = {name: list(classes).index(name) for name in classes}
    labels.update(dict.fromkeys(ignored_classes, NO_CLASS))
    return {c['id']: labels[c['name']] for c in categories if c['name'] in labels}
