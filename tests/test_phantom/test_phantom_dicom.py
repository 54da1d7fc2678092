import io

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_voi_lut

from mammo_plugins.io import read_mammogram
from mammo_plugins.phantom.dicom import (
    VOI_KINDS,
    Vendor,
    mammogram_dataset,
    sample_vendor,
    write_dicom,
)

# every grey value occurs
PIXELS = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def _vendor(**habits):
    usual = dict(
        inverted=False,
        voi='LINEAR',
        view_position=True,
        view_code=True,
        orientation=True,
        lut_shape=True,
        spacing=True,
        sct=False,
    )
    return Vendor(**{**usual, **habits})


def _write(path, vendor, laterality='L', view='MLO', modality='FFDM'):
    write_dicom(
        path,
        mammogram_dataset(
            PIXELS, laterality, view, modality, vendor, 0.45, 52.5, 7, 'test'
        ),
    )
    return pydicom.dcmread(path)


@pytest.mark.parametrize('inverted', [False, True])
@pytest.mark.parametrize('voi', VOI_KINDS)
def test_every_vendor_displays_the_same_image(tmp_path, voi, inverted):
    path = tmp_path / 'image.dcm'
    ds = _write(path, _vendor(voi=voi, inverted=inverted))
    # rounding to 12 stored bits, and a sigmoid never reaches black or white
    tolerance = 10 if voi == 'SIGMOID' else 5
    shown = read_mammogram(path).pixels * 4095
    assert np.abs(shown - PIXELS).max() <= tolerance
    low = apply_voi_lut(ds.pixel_array, ds).astype(float)
    if inverted:
        low = 4095 - low
    assert np.abs(low - PIXELS).max() <= tolerance


def test_obligatory_tags(tmp_path):
    ds = _write(tmp_path / 'image.dcm', _vendor())
    assert ds.SOPClassUID == '1.2.840.10008.5.1.4.1.1.1.2'
    assert ds.file_meta.MediaStorageSOPClassUID == ds.SOPClassUID
    assert (ds.Modality, ds.PresentationIntentType) == ('MG', 'FOR PRESENTATION')
    assert (ds.ImageLaterality, ds.ViewPosition) == ('L', 'MLO')
    assert ds.ViewCodeSequence[0].CodeValue == 'R-10226'
    assert list(ds.PatientOrientation) == ['A', 'FR']
    assert [float(v) for v in ds.ImagerPixelSpacing] == [0.45, 0.45]
    assert (ds.BitsStored, ds.HighBit, ds.PixelRepresentation) == (12, 11, 0)
    assert str(ds.PatientName).startswith('PHANTOM')


@pytest.mark.parametrize(
    'side, view, expected',
    [
        ('L', 'CC', ['A', 'R']),
        ('R', 'CC', ['P', 'L']),
        ('R', 'MLO', ['P', 'FL']),
    ],
)
def test_orientation_of_a_hung_image(tmp_path, side, view, expected):
    ds = _write(tmp_path / 'image.dcm', _vendor(), side, view)
    assert list(ds.PatientOrientation) == expected


@pytest.mark.parametrize(
    'inverted, meaning',
    [
        (False, ('MONOCHROME2', 'IDENTITY')),
        (True, ('MONOCHROME1', 'INVERSE')),
    ],
)
def test_photometric_interpretation(tmp_path, inverted, meaning):
    ds = _write(tmp_path / 'image.dcm', _vendor(inverted=inverted))
    assert (ds.PhotometricInterpretation, ds.PresentationLUTShape) == meaning


def test_optional_tags_can_be_absent(tmp_path):
    bare = _vendor(
        voi=None, view_position=False, orientation=False, lut_shape=False, spacing=False
    )
    ds = _write(tmp_path / 'image.dcm', bare)
    for name in (
        'ViewPosition',
        'PatientOrientation',
        'PresentationLUTShape',
        'PixelSpacing',
        'WindowCenter',
        'VOILUTSequence',
    ):
        assert name not in ds


def test_vendors_vary_and_always_tell_the_view():
    rng = np.random.default_rng(0)
    vendors = [sample_vendor(rng) for _ in range(200)]
    assert all(v.view_position or v.view_code for v in vendors)
    assert {v.voi for v in vendors} == set(VOI_KINDS)
    for name in (
        'inverted',
        'view_position',
        'view_code',
        'orientation',
        'lut_shape',
        'spacing',
        'sct',
    ):
        assert {getattr(v, name) for v in vendors} == {True, False}


def test_contrast_enhanced_images_say_so(tmp_path):
    kinds = [
        _write(tmp_path / 'image.dcm', _vendor(), modality=m).ImageType[-1]
        for m in ('CEM-LE', 'CEM-RC')
    ]
    assert kinds == ['LOW_ENERGY', 'RECOMBINED']


def test_same_image_same_bytes_and_own_uids(tmp_path):
    ds = [
        mammogram_dataset(PIXELS, 'L', view, 'FFDM', _vendor(), 0.45, 0, 1, 'x')
        for view in ('CC', 'CC', 'MLO')
    ]
    files = []
    for one in ds:
        buffer = io.BytesIO()
        one.save_as(buffer, enforce_file_format=True)
        files.append(buffer.getvalue())
    assert files[0] == files[1]
    assert ds[0].SOPInstanceUID != ds[2].SOPInstanceUID
    assert ds[0].StudyInstanceUID == ds[2].StudyInstanceUID
