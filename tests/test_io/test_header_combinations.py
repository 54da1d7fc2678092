"""Any combination of headers obeys the standard's formulas, and says where not.

The oracle computes one pixel at a time in plain Python, from the text of DICOM
PS3.3 C.11.1 and C.11.2.
"""

import json
import math

import numpy as np
import pytest
from dicom_making import IDENTITY, lut_item, make_dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from mammo_plugins.io import MammogramError, read_header, read_mammogram

CODES = {'399162004': 'CC', 'R-10242': 'CC', '399368009': 'MLO', 'R-10226': 'MLO'}


def linear(x, c, w):
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    if x > c - 0.5 + (w - 1) / 2:
        return 1.0
    return (x - (c - 0.5)) / (w - 1) + 0.5


def linear_exact(x, c, w):
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 1.0
    return (x - c) / w + 0.5


def sigmoid(x, c, w):
    exponent = -4 * (x - c) / w
    return 0.0 if exponent > 700 else 1 / (1 + math.exp(exponent))


FUNCTIONS = {
    None: linear,
    'LINEAR': linear,
    'LINEAR_EXACT': linear_exact,
    'SIGMOID': sigmoid,
}


def look_up(x, lut):
    entries, first_mapped, bits = lut
    return entries[min(max(x - first_mapped, 0), len(entries) - 1)]


def usable(lut):
    return len(set(lut[0])) > 1


def depth(lut):
    """A VOI LUT that stays below a quarter of its depth has stated a wrong one."""
    entries, _, bits = lut
    if max(entries) * 4 >= 2**bits:
        return bits
    return next(d for d in (8, 10, 12, 14, 16) if max(entries) < 2**d)


def least_width(case):
    return 0 if case['function'] in ('LINEAR_EXACT', 'SIGMOID') else 0.99


def without_voi(case, stored):
    """Return the case as it is shown: a LUT or VOI that shows all alike is not used.

    One that spreads all possible values over less than a 64th of the range is not used
    either.
    """
    first, last = int(stored.min()), int(stored.max())
    if (
        case['modality'] == 'lut'
        and len({look_up(x, case['lut']) for x in range(first, last + 1)}) == 1
    ):
        case = dict(case, modality=None)
    plain = dict(case, padding=None)
    alike = not spread(first, last, plain, 0, np.float32)
    low = -(2 ** (case['bits'] - 1)) if case['signed'] else 0
    faint = not spread(low, low + 2 ** case['bits'] - 1, plain, 1 / 64)
    return dict(case, voi=None) if alike or faint else case


def spread(first, last, case, least, kind=float):
    """Tell whether levels of some stored values differ by more; all are looked at,
    unless a few do already.
    """
    few = max(1, (last - first) // 64)
    low, high = math.inf, -math.inf
    for values in (range(first, last + 1, few), range(last, first - 1, -1)):
        for x in values:
            found = kind(level(x, case))
            low, high = min(low, found), max(high, found)
            if high - low > least:
                return True
    return False


def level(x, case):
    """Return the displayed level of one stored value."""
    if x == case['padding']:
        return 0.0
    bits, signed = case['bits'], case['signed']
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    if case['modality'] == 'lut' and usable(case['lut']):
        x, low, high = look_up(x, case['lut']), 0, 2 ** case['lut'][2] - 1
    elif case['modality'] == 'rescale':
        slope, intercept = case['rescale']
        slope = slope or 1  # 0 would make every pixel equal
        low, high = sorted((low * slope + intercept, high * slope + intercept))
        x = x * slope + intercept
    if case['voi'] == 'lut' and usable(case['voi_lut']):
        y = look_up(round(x), case['voi_lut']) / (2 ** depth(case['voi_lut']) - 1)
    elif case['voi'] == 'window' and case['window'][1] > least_width(case):
        y = FUNCTIONS[case['function']](x, *case['window'])
    else:
        y = (x - low) / (high - low)
    inverse = case['photometric'] == 'MONOCHROME1' or case['shape'] == 'INVERSE'
    return 1 - y if inverse else y


@st.composite
def luts(draw):
    bits = draw(st.sampled_from([8, 10, 12, 16]))
    entries = draw(st.lists(st.integers(0, 2**bits - 1), min_size=2, max_size=40))
    return entries, draw(st.integers(0, 200)), bits


CASES = st.fixed_dictionaries(
    dict(
        bits=st.sampled_from([8, 10, 12, 14, 16]),
        signed=st.booleans(),
        seed=st.integers(0, 99),
        photometric=st.sampled_from(['MONOCHROME1', 'MONOCHROME2']),
        shape=st.sampled_from([None, 'IDENTITY', 'INVERSE']),
        padding=st.sampled_from([None, None, 0, 5]),
        modality=st.sampled_from([None, 'rescale', 'lut']),
        rescale=st.tuples(
            st.sampled_from([0, 1, 2, 0.5, -1]), st.sampled_from([0, -1024, 10])
        ),
        lut=luts(),
        voi=st.sampled_from([None, 'window', 'lut']),
        voi_lut=luts(),
        function=st.sampled_from(list(FUNCTIONS)),
        window=st.tuples(
            st.sampled_from([0, 100, 2047.5, 30000]),
            st.sampled_from([-1, 0, 0.5, 1, 3, 256, 4096, 60000]),
        ),
        laterality=st.sampled_from([None, '', 'L', 'R', 'B']),
        image_laterality=st.sampled_from([None, '', 'L', 'R']),
        position=st.sampled_from([None, '', 'CC', 'MLO', 'ML', 'odd']),
        code=st.sampled_from([None, '1-23'] + list(CODES)),
        orientation=st.sampled_from([None, ['A', 'R'], 'CC', 'MLO']),
    )
)


def elements_of(case):
    elements = dict(
        PhotometricInterpretation=case['photometric'],
        PresentationLUTShape=case['shape'],
        Laterality=case['laterality'],
        ImageLaterality=case['image_laterality'],
        ViewPosition=case['position'],
        PatientOrientation=case['orientation'],
    )
    if case['padding'] is not None:
        elements['PixelPaddingValue'] = case['padding']
    if case['modality'] == 'rescale':
        elements.update(
            RescaleSlope=case['rescale'][0], RescaleIntercept=case['rescale'][1]
        )
    elif case['modality'] == 'lut':
        elements['ModalityLUTSequence'] = [lut_item(*case['lut'])]
    if case['voi'] == 'window':
        elements.update(
            WindowCenter=case['window'][0],
            WindowWidth=case['window'][1],
            VOILUTFunction=case['function'],
        )
    elif case['voi'] == 'lut':
        elements['VOILUTSequence'] = [lut_item(*case['voi_lut'])]
    if case['code'] is not None:
        item = Dataset()
        item.CodeValue = case['code']
        elements['ViewCodeSequence'] = [item]
    return {k: v for k, v in elements.items() if v is not None}


def broken(case):
    """Return the kinds of faults that the header itself has."""
    kinds = set()
    if len({case['laterality'], case['image_laterality']} & {'L', 'R'}) > 1:
        kinds.add('conflicting laterality')
    if {case['position'], CODES.get(case['code'])} == {'CC', 'MLO'}:
        kinds.add('conflicting view')
    if case['modality'] == 'rescale' and case['rescale'][0] == 0:
        kinds.add('rescale slope 0')
    if case['voi'] == 'window' and case['window'][1] <= least_width(case):
        kinds.add('window that cannot be used')
    return kinds


@pytest.mark.filterwarnings('ignore::UserWarning:pydicom')
@settings(max_examples=400, deadline=None, derandomize=True)
@given(case=CASES)
def test_formula_or_warning(tmp_path_factory, case):
    low = -(2 ** (case['bits'] - 1)) if case['signed'] else 0
    stored = np.random.default_rng(case['seed']).integers(
        low, low + 2 ** case['bits'], (6, 7)
    )
    shown = without_voi(case, stored)
    expected = np.array([[level(int(x), shown) for x in row] for row in stored])
    path = make_dicom(
        tmp_path_factory.getbasetemp() / 'combination.dcm',
        stored.astype(np.int16 if case['signed'] else np.uint16),
        bits=case['bits'],
        signed=case['signed'],
        **elements_of(case),
    )
    try:
        mammogram = read_mammogram(path)
    except MammogramError as error:
        assert np.ptp(expected.astype(np.float32)) == 0
        assert not any(word in str(error) for word in IDENTITY)
        return
    kinds = {warning.kind for warning in mammogram.warnings}
    assert broken(case) <= kinds
    assert np.isfinite(mammogram.pixels).all()
    assert mammogram.pixels.min() >= 0 and mammogram.pixels.max() <= 1
    np.testing.assert_allclose(mammogram.pixels, expected, atol=1e-6)
    stated = [
        v for v in (case['image_laterality'], case['laterality']) if v in ('L', 'R')
    ]
    assert mammogram.laterality == (stated[0] if len(set(stated)) == 1 else None)
    views = [
        case['position'] if case['position'] in ('CC', 'MLO', 'ML') else None,
        CODES.get(case['code']),
        case['orientation'] if case['orientation'] in ('CC', 'MLO') else None,
    ]
    if 'conflicting view' in broken(case):
        views = []
    assert mammogram.view == next((view for view in views if view), None)
    shown = repr(mammogram) + json.dumps(mammogram.header) + repr(read_header(path))
    assert not any(word in shown for word in IDENTITY)
