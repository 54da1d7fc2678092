"""Levels as displayed, against pydicom and the formulas of PS3.3 C.11.2."""

import math

import numpy as np
import pytest
from dicom_making import lut_item, make_dataset, ramp
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

from mammo_plugins.io.errors import Defect
from mammo_plugins.io.grayscale import apply_window, display_table

WINDOWS = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID']


def table_of(bits=12, signed=False, **elements):
    return display_table(
        make_dataset(bits=bits, signed=signed, **elements), bits, signed
    )


def all_stored(bits, signed):
    low = -(2 ** (bits - 1)) if signed else 0
    return np.arange(low, low + 2**bits)


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
@pytest.mark.parametrize('signed', [False, True])
def test_without_voi_every_level_stays_distinct(bits, signed):
    table = table_of(bits, signed)
    np.testing.assert_allclose(table, np.arange(2**bits) / (2**bits - 1), atol=1e-7)
    assert len(np.unique(table)) == 2**bits


@pytest.mark.parametrize('function', WINDOWS)
@pytest.mark.parametrize('signed', [False, True])
@pytest.mark.parametrize('rescale', [None, (1, -1024), (0.5, 10), (-2, 4095)])
@pytest.mark.parametrize('window', [(1500, 900), (0, 1), (2048.5, 4096)])
def test_window_matches_pydicom(function, signed, rescale, window):
    elements = dict(
        WindowCenter=window[0], WindowWidth=window[1], VOILUTFunction=function
    )
    slope, intercept = rescale or (1, 0)
    if rescale:
        elements.update(RescaleSlope=slope, RescaleIntercept=intercept)
    stored = all_stored(12, signed)
    ds = make_dataset(signed=signed, **elements)
    with np.errstate(over='ignore', divide='ignore', invalid='ignore'):
        shown = apply_windowing(apply_modality_lut(stored, ds), ds)
    ends = stored[[0, -1]] * slope + intercept  # pydicom scales to this range
    expected = (shown - ends[0]) / (ends[1] - ends[0])
    np.testing.assert_allclose(table_of(signed=signed, **elements), expected, atol=2e-6)


@pytest.mark.parametrize(
    'x, level',
    [
        (1023, 0.0),
        (1024, 0.0),
        (1025, 1 / 2047),
        (2048, 1024 / 2047),
        (3071, 1.0),
        (3072, 1.0),
    ],
)
def test_linear_by_hand(x, level):
    """c = 2048, w = 2048: 0 up to 1024, 1 above 3071, PS3.3 C.11.2.1.2.1."""
    got = apply_window(np.array([x]), 2048, 2048, 'LINEAR')
    np.testing.assert_allclose(got, level, atol=1e-12)


def test_linear_exact_and_sigmoid_by_hand():
    x = np.array([0.0, 100.0, 150.0, 200.0, 300.0])
    np.testing.assert_allclose(
        apply_window(x, 150, 100, 'LINEAR_EXACT'), [0, 0, 0.5, 1, 1]
    )
    np.testing.assert_allclose(
        apply_window(x, 150, 100, 'SIGMOID'),
        [1 / (1 + math.exp(-4 * (v - 150) / 100)) for v in x],
    )
    np.testing.assert_array_equal(
        apply_window(x, 150, 1e-4, 'SIGMOID'), [0, 0, 0.5, 1, 1]
    )  # no overflow


def test_linear_of_width_one_is_a_threshold():
    x = np.array([9.0, 9.5, 9.6, 10.0])
    np.testing.assert_array_equal(apply_window(x, 10, 1, 'LINEAR'), [0, 0, 1, 1])


@pytest.mark.parametrize(
    'function, width',
    [('LINEAR', 0.9), ('LINEAR', -5), ('LINEAR_EXACT', 0), ('SIGMOID', -1)],
)
def test_width_too_small_is_refused(function, width):
    with pytest.raises(Defect, match=r'WindowWidth \(0028,1051\)'):
        apply_window(np.zeros(2), 0, width, function)


def test_first_of_several_windows_is_used():
    one = table_of(WindowCenter=1000, WindowWidth=500)
    several = table_of(WindowCenter=[1000, 2000], WindowWidth=[500, 4000])
    np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize('vr', ['US', 'OW'])
@pytest.mark.parametrize('first_mapped', [0, 1000])
@pytest.mark.parametrize('bits', [10, 12, 16])  # pydicom wraps 8-bit indices
def test_voi_lut_matches_pydicom(vr, first_mapped, bits):
    entries = (2**bits - 1) * np.linspace(0, 1, 1024) ** 2
    sequence = [lut_item(entries.astype(int), first_mapped, bits, vr)]
    expected = apply_voi(all_stored(12, False), make_dataset(VOILUTSequence=sequence))
    # A window beside the LUT must not be used.
    got = table_of(VOILUTSequence=sequence, WindowCenter=5, WindowWidth=2)
    np.testing.assert_allclose(got, expected / (2**bits - 1), atol=1e-7)


@pytest.mark.parametrize('signed', [False, True])
def test_modality_lut_then_window_matches_pydicom(signed):
    first_mapped = -2000 if signed else 40
    item = lut_item(np.arange(4000)[::-1] * 16, first_mapped, 16, vr='OW')
    elements = dict(ModalityLUTSequence=[item], WindowCenter=32000, WindowWidth=48000)
    ds = make_dataset(signed=signed, **elements)
    shown = apply_windowing(apply_modality_lut(all_stored(12, signed), ds), ds)
    np.testing.assert_allclose(
        table_of(signed=signed, **elements), shown / 65535, atol=1e-6
    )


def test_first_mapped_value_of_two_complement_in_an_unsigned_element():
    entries = np.arange(4096)
    signed = table_of(signed=True, VOILUTSequence=[lut_item(entries, -2048, 12)])
    unsigned = table_of(
        signed=True,
        VOILUTSequence=[lut_item(entries, 0, 12, descriptor=[4096, 2**16 - 2048, 12])],
    )
    np.testing.assert_allclose(signed, np.arange(4096) / 4095, atol=1e-7)
    np.testing.assert_array_equal(signed, unsigned)


def test_lut_of_65536_entries_is_stated_as_zero():
    item = lut_item(np.arange(2**16), 0, 16, vr='OW')
    assert item.LUTDescriptor[0] == 0
    np.testing.assert_allclose(
        table_of(16, VOILUTSequence=[item]), np.arange(2**16) / 65535, atol=1e-7
    )


def test_voi_lut_after_a_fractional_rescale_takes_the_nearest_entry():
    got = table_of(
        RescaleSlope=0.7,
        RescaleIntercept=0,
        VOILUTSequence=[lut_item(np.arange(4096), 0, 12)],
    )
    expected = [round(0.7 * stored) / 4095 for stored in range(4096)]
    np.testing.assert_allclose(got, expected, atol=1e-7)


def test_lut_of_bytes():
    item = lut_item([0], 0, 8, descriptor=[5, 0, 8])
    item.add_new('LUTData', 'OW', bytes([0, 51, 102, 204, 255, 0]))
    np.testing.assert_allclose(
        table_of(VOILUTSequence=[item])[:6], [0, 0.2, 0.4, 0.8, 1, 1], atol=1e-7
    )


@pytest.mark.parametrize(
    'elements',
    [
        dict(PhotometricInterpretation='MONOCHROME1'),
        dict(PresentationLUTShape='INVERSE'),
        dict(PhotometricInterpretation='MONOCHROME1', PresentationLUTShape='INVERSE'),
    ],
)
def test_inverted_once(elements):
    window = dict(WindowCenter=1000, WindowWidth=1000)
    np.testing.assert_allclose(
        table_of(**elements, **window), 1 - table_of(**window), atol=1e-7
    )


def test_padding_is_background_even_when_inverted():
    plain = table_of(PhotometricInterpretation='MONOCHROME1')
    padded = table_of(
        PhotometricInterpretation='MONOCHROME1',
        PixelPaddingValue=0,
        PixelPaddingRangeLimit=3,
    )
    np.testing.assert_array_equal(padded[:4], 0)
    np.testing.assert_array_equal(padded[4:], plain[4:])


def test_ramp_covers_the_range():
    """The helper that other tests of this folder rely on."""
    assert sorted(np.unique(ramp(12))) == list(range(4096))
    assert ramp(12, signed=True).min() == -2048
