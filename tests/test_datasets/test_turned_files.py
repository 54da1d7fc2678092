"""Files that lie otherwise than mammograms hang, from PatientOrientation on."""

import numpy as np
import pydicom
import pytest

from mammo_plugins.anatomy import transform_boxes
from mammo_plugins.datasets import LoadMammogram

REVERSE = str.maketrans('APLRHF', 'PARLFH')


def turned(source, path, transpose, across, down):
    ds = pydicom.dcmread(source)
    pixels = ds.pixel_array
    row, column = ds.PatientOrientation
    if across:
        pixels, row = pixels[:, ::-1], row.translate(REVERSE)
    if down:
        pixels, column = pixels[::-1], column.translate(REVERSE)
    if transpose:
        pixels, row, column = pixels.T, column, row
    ds.Rows, ds.Columns = pixels.shape
    ds.PatientOrientation = [row, column]
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    ds.save_as(path)
    return str(path)


def box_in(box, shape, transpose, across, down):
    """Return where a box of the file lies in the turned one."""
    x1, y1, x2, y2 = box
    height, width = shape
    if across:
        x1, x2 = width - x2, width - x1
    if down:
        y1, y2 = height - y2, height - y1
    return [y1, x1, y2, x2] if transpose else [x1, y1, x2, y2]


def oriented(phantom_root):
    """Return the first file of each view that has an orientation."""
    found = {}
    for path in sorted((phantom_root / 'dicom').rglob('*.dcm')):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        if ds.get('PatientOrientation'):
            found.setdefault(path.stem, path)
    return found


@pytest.mark.parametrize('view', ['L_CC', 'R_CC', 'L_MLO', 'R_MLO'])
@pytest.mark.parametrize(
    'way',
    [
        (True, False, False),
        (True, True, False),
        (False, True, True),
        (False, False, True),
        (False, True, False),
    ],
)
@pytest.mark.parametrize('cached', [False, True])
def test_network_sees_the_same_and_boxes_follow(
    phantom_root, tmp_path, view, way, cached
):
    source = oriented(phantom_root)[view]
    load = LoadMammogram(str(tmp_path / 'cache') if cached else None)
    expected, upright = load.load(str(source))
    path = turned(source, tmp_path / 'a.dcm', *way)
    for _ in range(1 + cached):
        image, frame = load.load(path)
        np.testing.assert_array_equal(image, expected)
        assert frame.doubt is None
    height, width = upright.source_height, upright.source_width
    box = [0.2 * width, 0.3 * height, 0.4 * width, 0.6 * height]
    there = transform_boxes(box_in(box, (height, width), *way), frame.matrix)
    np.testing.assert_allclose(there, transform_boxes(box, upright.matrix), atol=1e-6)
