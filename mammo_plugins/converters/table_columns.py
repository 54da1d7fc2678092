"""The columns of the table for your own data: names, and how they form a box."""

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from .numbers import NumberReader
from .raw_folder import Table, column_key
from .records import ConversionError

Corners = tuple[float, float, float, float]

_BEFORE = ('', 'bbox', 'box', 'bb', 'lesion', 'roi', 'rect', 'annotation')
_AFTER = (
    '',
    'px',
    'pixel',
    'pixels',
    'coord',
    'coordinate',
    'norm',
    'normalized',
    'normalized',
    'rel',
    'relative',
)


def _named(*names: str) -> str:
    return (
        '|'.join(
            before + name + after
            for after, before, name in product(_AFTER, _BEFORE, names)
        )
        + '?'
    )


def _ends(axis: str, low: str, high: str) -> tuple[str, str]:
    """Return the column names for a box's start and end along an axis."""
    return (
        _named(
            f'{axis}1',
            f'{axis}min',
            f'min{axis}',
            low,
            f'{axis}{low}',
            f'{low}{axis}',
            f'{axis}start',
            f'start{axis}',
            f'{axis}tl',
            axis,
        ),
        _named(
            f'{axis}2',
            f'{axis}max',
            f'max{axis}',
            high,
            f'{axis}{high}',
            f'{high}{axis}',
            f'{axis}end',
            f'end{axis}',
            f'{axis}br',
        ),
    )


def _middle(axis: str) -> str:
    return _named(
        f'{axis}center',
        f'{axis}centre',
        f'center{axis}',
        f'centre{axis}',
        f'c{axis}',
        f'{axis}c',
        f'{axis}mid',
        f'mid{axis}',
    )


_X, _Y = _ends('x', 'left', 'right'), _ends('y', 'top', 'bottom')
VIEW_COLUMNS = dict(
    file='file|file_name|file_path|path|image|image_file|image_path|image_name|img|'
    'img_path|img_name',
    patient='patient|patient_id|subject|subject_id|pid',
    exam='exam|exam_id|study|study_id|visit?',
    laterality='laterality|side|image_laterality|breast_side|breast|left_right?',
    view='view|view_position|projection|image_view?',
    modality='modality?',
    part='part|split|subset?',
    birads='birads|breast_birads|birads_category|birads_score?',
    density='density|breast_density|acr_density?',
    pathology='pathology|breast_pathology?',
    abnormal='abnormal?',
    nipple_x='nipple_x|x_nipple?',
    nipple_y='nipple_y|y_nipple?',
    pixel_spacing='pixel_spacing|pixel_spacing_mm|spacing|imager_pixel_spacing?',
    image_width='image_width|img_width|width_image|image_columns?',
    image_height='image_height|img_height|height_image|image_rows?',
)
LESION_COLUMNS = dict(
    x1=_X[0],
    y1=_Y[0],
    x2=_X[1],
    y2=_Y[1],
    x_center=_middle('x'),
    y_center=_middle('y'),
    width=_named('width', 'w'),
    height=_named('height', 'h'),
    mask='mask|mask_file|mask_path|mask_file_path|roi_mask|lesion_mask?',
    category='category|category_name|lesion_category|lesion_type?',
    lesion_birads='lesion_birads|finding_birads?',
    lesion_pathology='lesion_pathology?',
    lesion_id='lesion_id?',
)
COLUMNS = {**VIEW_COLUMNS, **LESION_COLUMNS}
NIPPLE = ('nipple_x', 'nipple_y')

_CORNERS = ('x1', 'y1', 'x2', 'y2')
_SIZED = ('x1', 'y1', 'width', 'height')
_CENTRED = ('x_center', 'y_center', 'width', 'height')
BOX_COLUMNS = tuple(dict.fromkeys(_CORNERS + _CENTRED))
_WANTED = (
    'x1, y1, x2, y2; or x1, y1, width, height; or x_center, y_center, width, height'
)
# names of lesion outlines in forms that are not read
_LIKE_BOXES = re.compile(
    r'b?box|bounding|xyxy|xywh|coord|polygon|contour|segmentation|^roi|^rect|radius'
    r'|^points$|^annotations?$|regionshape|^[ltrb]$'
)
_AXES = (('x', 'y'), ('col', 'row'), ('column', 'row'), ('horizontal', 'vertical'))
# a coordinate above this is in pixels: no lesion lies within the first pixel
_SHARES = (-0.5, 1.5)


class BoxColumns(NamedTuple):
    """How the columns of a table form a box.

    Attributes:
        fields (tuple[str]): The four columns, empty if the table has no boxes.
        shares (bool): Whether they are shares of the image's width and height.
        centred (bool): Whether the first two are the centre.
    """

    fields: tuple[str, ...] = ()
    shares: bool = False
    centred: bool = False

    def corners(self, values: Sequence[float]) -> Corners:
        """Return x1, y1, x2, y2 from the values of ``fields``."""
        a, b, c, d = values
        if self.centred:
            return a - c / 2, b - d / 2, a + c / 2, b + d / 2
        return (a, b, c, d) if self.fields == _CORNERS else (a, b, a + c, b + d)


def find_boxes(table: Table, numbers: NumberReader, name: str) -> BoxColumns:
    """Detect how a table writes its boxes.

    Args:
        table (Table): A table read with ``COLUMNS``.
        numbers (NumberReader): Reader of its coordinates.
        name (str): The table's name, for messages.

    Raises:
        ConversionError: If box columns do not form a box, or are ambiguous.
    """
    used = {field for field in BOX_COLUMNS if any(row[field] for row in table.rows)}
    for fields in (_CORNERS, _SIZED, _CENTRED):
        if used.issuperset(fields):
            break
    else:
        _refuse_remnants(table, used, name)
        return BoxColumns()
    values = [
        row
        for row in (_numbers(row, fields, numbers) for row in table.rows)
        if row is not None
    ]
    boxes = BoxColumns(fields, are_shares(values), fields == _CENTRED)
    bare = [
        _key(table.titles[field])[-1:]
        for field in ('x1', 'y1')
        if field in table.titles
    ]
    if boxes.shares and fields == _SIZED and bare == ['x', 'y']:
        return _of_bare(boxes, values, table, name)
    return boxes


def are_shares(values: Sequence[Sequence[float]]) -> bool:
    """Return whether coordinates are shares of an image's size, all about 0 to 1."""
    low, high = _SHARES
    return bool(values) and all(low <= value <= high for row in values for value in row)


def _of_bare(
    boxes: BoxColumns, values: list[Sequence[float]], table: Table, name: str
) -> BoxColumns:
    """Decide whether plain x and y are a corner or, as in YOLO, the centre."""

    def inside(way: BoxColumns) -> bool:
        return all(
            -1e-3 <= edge <= 1 + 1e-3 for row in values for edge in way.corners(row)
        )

    ways = [way for way in (boxes, boxes._replace(centred=True)) if inside(way)]
    if len(ways) == 1:
        return ways[0]
    shown = ', '.join(table.titles[field] for field in boxes.fields)
    raise ConversionError(
        f'{name}: columns {shown}: fractions of the image in which x and y may be '
        'a corner of the box or its centre; name the columns x1, y1, width, '
        'height or x_center, y_center, width, height'
    )


def _numbers(
    row: dict[str, str], fields: Iterable[str], numbers: NumberReader
) -> list[float] | None:
    try:
        return [numbers.read(row[field]) for field in fields]
    except ValueError:
        return None


def _refuse_remnants(table: Table, used: set, name: str) -> None:
    """Refuse columns that are meant as boxes but do not form one."""
    parts = {
        field: table.titles[field]
        for field in BOX_COLUMNS
        if field in used and _is_numeric([row[field] for row in table.rows])
    }
    # width and height alone are the image's or the patient's; y alone is a class
    known = list(parts.values()) if len(set(parts) - {'width', 'height'}) > 1 else []
    like = [] if any(row['mask'] for row in table.rows) else _like_boxes(table)
    if known or like:
        raise ConversionError(
            f'{name}: no box can be made of {", ".join(map(repr, [*known, *like]))}; '
            f'expected numbers in columns {_WANTED}; or a column mask; see '
            'docs/how_to/datasets/generic.md'
        )


def _like_boxes(table: Table) -> list[str]:
    """Return the unused columns that may be meant as boxes."""
    numeric = [title for title, cells in table.others.items() if _is_numeric(cells)]
    keys = {_key(title) for title in numeric}

    def has_other_axis(title: str) -> bool:
        key = _key(title)
        return any(
            one in key and key.replace(one, other) in keys
            for pair in _AXES
            for one, other in (pair, pair[::-1])
        )

    like = [
        title
        for title in table.others
        if _LIKE_BOXES.search(_key(title))
        or (title in numeric and (_near_box(title) or has_other_axis(title)))
    ]
    of_lesions = any(
        row[field]
        for row in table.rows
        for field in LESION_COLUMNS
        if field not in BOX_COLUMNS
    )
    if not like and of_lesions and len(numeric) >= len(_CORNERS):
        return numeric
    return like


def _key(title: str) -> str:
    return column_key(title).replace(' ', '')


def _is_numeric(cells: Iterable[str]) -> bool:
    reader = NumberReader(())
    for cell in filter(None, cells):
        try:
            reader.read(cell)
        except ValueError:
            return False
    return True


def _names(columns: dict[str, str]) -> dict[str, str]:
    """Return the field of each column name, in the form used for comparison."""
    return {
        _key(name): field
        for field, names in columns.items()
        for name in reversed(names.rstrip('?').split('|'))
    }


_BOX_NAMES = [
    name
    for name, field in _names(LESION_COLUMNS).items()
    if field in _CORNERS + _CENTRED[:2]
    and len(name) > 1
    and ('x' in name or 'y' in name)
]
_ALL_NAMES = {
    name: field for name, field in _names(COLUMNS).items() if field not in BOX_COLUMNS
}


def _near_box(title: str) -> bool:
    return bool(difflib.get_close_matches(_key(title), _BOX_NAMES, 1, 0.75))


def unused_columns(table: Table, boxes: BoxColumns) -> list[str]:
    """Return the unused columns, each with the one that may be meant."""
    hints = {
        'class': 'category',
        'label': 'category or pathology',
        'type': 'category',
        'finding': 'category',
        'diagnosis': 'pathology',
        'cancer': 'pathology',
        'malignant': 'pathology',
    }
    unused = [
        table.titles[field]
        for field in BOX_COLUMNS
        if field in table.titles
        and field not in boxes.fields
        and any(row[field] for row in table.rows)
    ]
    for title in table.others:
        near = difflib.get_close_matches(_key(title), _ALL_NAMES, 1, 0.8)
        meant = hints.get(_key(title)) or (near and _ALL_NAMES[near[0]])
        unused.append(f'{title} (meant for {meant}?)' if meant else title)
    return unused
