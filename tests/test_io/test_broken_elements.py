"""A broken optional element does not cost the image, and is told by its kind."""

import numpy as np
import pytest
from dicom_making import lut_item, make_dataset, make_dicom, ramp, save
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from mammo_plugins.io import MammogramError, read_header, read_mammogram
from mammo_plugins.io.decimals import read_decimal, read_lengths
from mammo_plugins.io.grayscale import display_table
from mammo_plugins.io.reading_warnings import ReadingWarnings


def kinds(mammogram):
    return [warning.kind for warning in mammogram.warnings]


def half_disc(bits=12, shape=(160, 120)):
    """Return a breast-like half ellipse at the left edge, on 0."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = ((y / shape[0] - 0.5) / 0.4) ** 2 + (x / shape[1] / 0.7) ** 2 < 1
    texture = 2 ** (bits - 1) + (17 * x + 31 * y) % 2 ** (bits - 2)
    return np.where(inside, texture, 0).astype(np.uint16)


def file_with(path, keyword, text, **elements):
    """Write a file whose element holds text that pydicom would not write."""
    ds = make_dataset(**elements)
    setattr(ds, keyword, '1' * len(text))
    data = save(ds, path).read_bytes()
    padded = text.encode().ljust(len(text) + len(text) % 2)
    written = ('1' * len(text)).encode().ljust(len(padded))
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, padded))
    return path


# Files of RSNA Screening Mammography: no Modality, no view, no side.


@pytest.mark.parametrize(
    'drop', [('Modality',), ('SOPClassUID',), ('Modality', 'SOPClassUID')]
)
def test_what_says_mammogram_may_be_absent(tmp_path, drop):
    ds = make_dataset(half_disc(), drop=drop)
    path = tmp_path / 'a.dcm'
    if 'SOPClassUID' in drop:
        ds.file_meta.MediaStorageSOPInstanceUID = '1.2.3'
        ds.preamble = bytes(128)
        ds.save_as(path, enforce_file_format=False)
    else:
        save(ds, path)
    mammogram = read_mammogram(path)
    names = {'Modality': 'no Modality', 'SOPClassUID': 'no SOP class'}
    assert set(kinds(mammogram)) == {names[keyword] for keyword in drop}
    np.testing.assert_array_equal(
        mammogram.pixels, (half_disc() / 4095).astype(np.float32)
    )
    assert set(kinds(read_header(path))) == set(kinds(mammogram))


def ellipse(middle, half, shape=(160, 120)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = (
        sum(
            ((c / size - m) / h) ** 2
            for c, size, m, h in zip((y, x), shape, middle, half)
        )
        < 1
    )
    return np.where(inside, 2500 + (17 * x + 31 * y) % 900, 0).astype(np.uint16)


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('padding', [0, 6])
def test_a_breast_at_either_side_is_a_breast(tmp_path, mirrored, padding):
    stored = np.pad(half_disc(), ((0, 0), (padding, 0)))
    stored = np.ascontiguousarray(stored[:, ::-1] if mirrored else stored)
    read_mammogram(make_dicom(tmp_path / 'a.dcm', stored, drop=('Modality',)))


@pytest.mark.parametrize(
    'depth, rows',
    [
        (72, slice(None)),
        (78, slice(None)),
        (84, slice(None)),
        (78, slice(26, 134)),
        (84, slice(42, 118)),
    ],
)
def test_a_breast_that_fills_the_width_is_a_breast(tmp_path, depth, rows):
    """Large breasts reach the other side of the detector, and crops do."""
    stored = np.ascontiguousarray(half_disc()[rows, :depth])
    read_mammogram(make_dicom(tmp_path / 'a.dcm', stored, drop=('Modality',)))


@pytest.mark.parametrize(
    'stored',
    [
        ellipse((0.5, 0.5), (0.3, 0.3)),  # a head, a slice
        ellipse((0.5, 0.5), (0.43, 0.43)),  # one that nearly fills the image
        ellipse((0.7, 0.5), (0.6, 0.3)),  # a hand, from below
        ellipse((0.5, 0.5), (0.9, 0.6)),  # a trunk, from side to side
        ellipse((0.5, 0.5), (2, 0.1)),  # a bar from top to bottom
        3000 + np.arange(160 * 120).reshape(160, 120) % 7,
    ],
    ids=['head', 'slice', 'hand', 'trunk', 'bar', 'full'],
)
def test_pixels_of_something_else_need_their_modality(tmp_path, stored):
    stored = stored.astype(np.uint16)
    with pytest.raises(MammogramError, match='show no breast'):
        read_mammogram(make_dicom(tmp_path / 'a.dcm', stored, drop=('Modality',)))
    read_mammogram(make_dicom(tmp_path / 'b.dcm', stored))


@pytest.mark.parametrize(
    'elements',
    [
        dict(Modality='DX'),
        dict(Modality='OT'),
        dict(Modality='CR'),
        dict(Modality='SR'),
        dict(drop=('Modality',), SOPClassUID=CTImageStorage),
        dict(drop=('Modality',), SOPClassUID='1.2.840.10008.5.1.4.1.1.1.1'),  # DX
    ],
)
def test_another_kind_of_file_stays_refused(tmp_path, elements):
    path = make_dicom(tmp_path / 'a.dcm', half_disc(), **elements)
    for read in (read_header, read_mammogram):
        with pytest.raises(MammogramError, match='not a mammogram'):
            read(path)


# Numbers


@pytest.mark.parametrize(
    'text, expected',
    [
        ('0.07', 0.07),
        ('0,07', 0.07),
        (' 7E-2 ', 0.07),
        ('7,0e-2', 0.07),
        ('-1', -1),
        (',5', 0.5),
        ('12\0', 12),
    ],
)
def test_decimals(text, expected):
    assert read_decimal(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    'text', ['', 'nan', 'inf', '1,000,5', '1.0,5', 'abc', '1_0', '0.07mm']
)
def test_no_decimals(text):
    assert np.isnan(read_decimal(text))


@pytest.mark.parametrize(
    'texts, expected',
    [
        (['0,898', '0,898'], [0.898, 0.898]),
        (['0.89,0.89'], [0.89, 0.89]),
        (['0.89, 0.88'], [0.89, 0.88]),
        (['0.89 0.88'], [0.89, 0.88]),
        (['0.89;0.88'], [0.89, 0.88]),
        (['0,89;0,88'], [0.89, 0.88]),
        (['0,89 0,88'], [0.89, 0.88]),
        (['0,07,0,05'], [0.07, 0.05]),
        (['0.07x0.05'], [0.07, 0.05]),
        (['[0.07, 0.05]'], [0.07, 0.05]),
        (["['0.07', '0.05']"], [0.07, 0.05]),
        (['0.07 mm', '0.05mm'], [0.07, 0.05]),
        (['0.07'], [0.07, 0.07]),
        (['0,07'], [0.07, 0.07]),
        (['0', '0'], None),
        (['0.07', '0'], None),
        (['-0.1', '-0.1'], None),
        (['1,1'], None),
        (['a', 'b'], None),
        ([''], None),
        (['0.07', ''], None),
        (['0.1', '0.1', '0.1'], None),
        (['nan', 'nan'], None),
    ],
)
def test_lengths(texts, expected):
    assert read_lengths(texts) == (expected and pytest.approx(expected))


@pytest.mark.parametrize(
    'keyword', ['ImagerPixelSpacing', 'PixelSpacing', 'NominalScannedPixelSpacing']
)
@pytest.mark.parametrize(
    'text, expected',
    [('0,898\\0,898', 0.898), ('0.89,0.89', 0.89), ('0,07', 0.07), ('0.05 mm', 0.05)],
)
def test_spacing_of_another_form_is_read(tmp_path, keyword, text, expected):
    path = file_with(tmp_path / 'a.dcm', keyword, text)
    for found in (read_header(path), read_mammogram(path)):
        assert found.pixel_spacing_mm == pytest.approx((expected, expected))
        assert kinds(found) == ['pixel spacing of another form']
        assert keyword in found.warnings[0].detail


@pytest.mark.parametrize(
    'text',
    [
        '0\\0',
        '0',
        '-0.1\\-0.1',
        'abc\\def',
        '0.1\\0',
        '70\\70',
        '0.00007\\0.00007',
        '1,1',
    ],
)
def test_spacing_without_sense_is_unknown(tmp_path, text):
    path = file_with(tmp_path / 'a.dcm', 'ImagerPixelSpacing', text)
    mammogram = read_mammogram(path)
    assert mammogram.pixel_spacing_mm is None
    assert kinds(mammogram) == ['pixel spacing that makes no sense']


def test_another_spacing_takes_the_place_of_a_broken_one():
    ds = make_dataset(
        ImagerPixelSpacing=[0, 0], NominalScannedPixelSpacing=[0.05, 0.05]
    )
    from mammo_plugins.io.dicom_header import find_spacing

    warnings = ReadingWarnings()
    assert find_spacing(ds, warnings) == ((0.05, 0.05), 'NominalScannedPixelSpacing')
    assert len(warnings) == 1


@pytest.mark.parametrize(
    'text, spacing, kind',
    [
        ('0.00', 0.1, 'magnification factor that makes no sense'),
        ('-1.5', 0.1, 'magnification factor that makes no sense'),
        ('1.00', 0.1, None),
        ('1,1', 0.1 / 1.1, 'decimal comma'),
        ('none', 0.1, 'element that cannot be read'),
    ],
)
def test_magnification_factor(tmp_path, text, spacing, kind):
    path = file_with(
        tmp_path / 'a.dcm',
        'EstimatedRadiographicMagnificationFactor',
        text,
        ImagerPixelSpacing=[0.1, 0.1],
    )
    mammogram = read_mammogram(path)
    assert mammogram.pixel_spacing_mm == pytest.approx((spacing, spacing))
    assert kinds(mammogram) == ([kind] if kind else [])


# VOI: the next choice takes the place of one that cannot be used.


def table_of(bits=12, signed=False, seen=None, **elements):
    warnings = ReadingWarnings()
    ds = make_dataset(bits=bits, signed=signed, **elements)
    table = display_table(ds, bits, signed, warnings, seen)
    return table, [warning.kind for warning in warnings]


GOOD = lut_item(np.arange(4096)[::-1], 0, 12)
EMPTY = Dataset()
NO_DATA = lut_item([1, 2], 0, 12)
del NO_DATA.LUTData
EVEN = lut_item([5] * 9, 0, 12)
NO_START = lut_item([1, 2], 0, 12, descriptor=[2])


@pytest.mark.parametrize('broken', [EMPTY, NO_DATA, EVEN, NO_START])
@pytest.mark.parametrize(
    'beside, expected',
    [
        (dict(VOILUTSequence=[GOOD]), 1 - np.arange(4096) / 4095),
        (
            dict(WindowCenter=1000, WindowWidth=501),
            np.clip((np.arange(4096) - 999.5) / 500 + 0.5, 0, 1),
        ),
        (dict(), np.arange(4096) / 4095),
    ],
)
def test_broken_lut_beside_another_choice(broken, beside, expected):
    sequence = [broken] + beside.get('VOILUTSequence', [])
    table, told = table_of(**{**beside, 'VOILUTSequence': sequence})
    np.testing.assert_allclose(table, expected, atol=1e-6)
    assert told[0] == 'LUT that cannot be used'
    nothing_left = len(sequence) == 1 and not beside
    assert ('no VOI LUT or window can be used' in told) == nothing_left


@pytest.mark.parametrize('width', [0, -5, 0.5])
def test_window_of_no_width_beside_another(width):
    table, told = table_of(WindowCenter=[700, 1000], WindowWidth=[width, 501])
    np.testing.assert_allclose(
        table, np.clip((np.arange(4096) - 999.5) / 500 + 0.5, 0, 1), atol=1e-6
    )
    assert told == ['window that cannot be used']


@pytest.mark.parametrize(
    'elements',
    [
        dict(WindowCenter=700, WindowWidth=0),
        dict(WindowCenter=700),
        dict(WindowWidth=700),
        dict(WindowCenter=9000, WindowWidth=10, seen=(5, 4000)),
    ],
)
def test_no_choice_left_shows_the_whole_range(elements):
    table, told = table_of(**elements)
    np.testing.assert_allclose(table, np.arange(4096) / 4095, atol=1e-6)
    assert told[0] == 'window that cannot be used'


def test_a_window_beside_the_image_is_not_used(tmp_path):
    """Another window shows it; with a window alone, it would be constant."""
    path = make_dicom(
        tmp_path / 'a.dcm', WindowCenter=[30000, 2048], WindowWidth=[100, 4096]
    )
    mammogram = read_mammogram(path)
    assert kinds(mammogram) == ['window that cannot be used']
    assert len(np.unique(mammogram.pixels)) == 4096


def test_windows_with_decimal_commas(tmp_path):
    path = file_with(tmp_path / 'a.dcm', 'WindowCenter', '1000,5', WindowWidth=501)
    mammogram = read_mammogram(path)
    assert kinds(mammogram) == ['decimal comma']
    np.testing.assert_allclose(
        mammogram.pixels, np.clip((ramp() - 1000.0) / 500 + 0.5, 0, 1), atol=1e-6
    )


@pytest.mark.parametrize(
    'elements, kind',
    [
        (
            dict(VOILUTFunction='CUBIC', WindowCenter=1000, WindowWidth=501),
            'unknown VOI LUT function',
        ),
        (
            dict(PresentationLUTShape='ODD', WindowCenter=1000, WindowWidth=501),
            'unknown presentation LUT shape',
        ),
        (
            dict(
                RescaleSlope=0, RescaleIntercept=0, WindowCenter=1000, WindowWidth=501
            ),
            'rescale slope 0',
        ),
        (
            dict(ModalityLUTSequence=[EMPTY], WindowCenter=1000, WindowWidth=501),
            'LUT that cannot be used',
        ),
    ],
)
def test_the_rest_of_the_pipeline_goes_on(elements, kind):
    table, told = table_of(**elements)
    np.testing.assert_allclose(
        table, np.clip((np.arange(4096) - 999.5) / 500 + 0.5, 0, 1), atol=1e-6
    )
    assert told == [kind]


# LUT descriptors that disagree with what they describe

CURVE = np.rint(4095 * np.linspace(0, 1, 4096) ** 2).astype(int)


@pytest.mark.parametrize('sequence', ['VOILUTSequence', 'ModalityLUTSequence'])
@pytest.mark.parametrize(
    'descriptor',
    [
        [4095, 0, 12],
        [0, 0, 12],
        [5000, 0, 12],
        [256, 0, 12],  # entries
        [4096, 0, 17],
        [4096, 0, 7],
        [4096, 0, 10],
        [4096, 0, 0],  # bits
        [4096, 0],
    ],
)
@pytest.mark.parametrize('vr', ['US', 'OW'])
def test_descriptor_that_disagrees(sequence, descriptor, vr):
    item = lut_item(CURVE, 0, 12, vr, descriptor)
    table, told = table_of(**{sequence: [item]})
    np.testing.assert_allclose(table, CURVE / 4095, atol=1e-6)
    assert told == ['LUT descriptor that disagrees with its data']


def test_voi_lut_of_12_bits_said_to_have_16():
    table, told = table_of(VOILUTSequence=[lut_item(CURVE, 0, 16)])
    np.testing.assert_allclose(table, CURVE / 4095, atol=1e-6)
    assert told == ['LUT descriptor that disagrees with its data']


def test_entries_of_a_byte_said_to_have_16_bits():
    item = lut_item([0], 0, 8, descriptor=[5, 0, 16])
    item.add_new('LUTData', 'OW', bytes([0, 51, 102, 204, 255, 0]))
    table, told = table_of(VOILUTSequence=[item])
    np.testing.assert_allclose(table[:6], [0, 0.2, 0.4, 0.8, 1, 1], atol=1e-7)
    assert told == ['LUT descriptor that disagrees with its data']


@pytest.mark.parametrize('start', [40000, 32768, 65535 - 4096])
def test_first_value_of_unsigned_pixels_stored_as_signed(start):
    item = lut_item(CURVE, 0, 12, descriptor=[4096, start - 65536, 12])
    assert item['LUTDescriptor'].VR == 'SS'
    table, told = table_of(bits=16, VOILUTSequence=[item])
    expected = CURVE[np.clip(np.arange(65536) - start, 0, 4095)] / 4095
    np.testing.assert_allclose(table, expected, atol=1e-6)
    assert told == ['LUT descriptor that disagrees with its data']


# bits of the words


def shown(path):
    mammogram = read_mammogram(path)
    return mammogram.pixels, kinds(mammogram)


@pytest.mark.parametrize('signed', [False, True])
@pytest.mark.parametrize('positions', [[12], [15], [12, 13]])
def test_overlay_in_the_high_bits(tmp_path, signed, positions):
    stored = ramp(12, signed)
    words = stored.astype(np.int32) & 0xFFF
    for position in positions:
        words |= (np.arange(words.size).reshape(words.shape) % 3 == 0) << position
    ds = make_dataset(
        words.astype('<u2').view('<i2' if signed else '<u2'), signed=signed
    )
    for group, position in enumerate(positions):
        ds.add_new(0x60000102 + (2 * group << 16), 'US', position)
        ds.add_new(0x60000100 + (2 * group << 16), 'US', 16)
    pixels, told = shown(save(ds, tmp_path / 'a.dcm'))
    low = -2048 if signed else 0
    np.testing.assert_allclose(pixels, (stored - low) / 4095, atol=1e-6)
    assert told == ['overlay in the bits above the pixels']


def test_high_bits_without_an_overlay_stay_refused(tmp_path):
    words = ramp(12) | 0x4000
    ds = make_dataset(words)
    ds.add_new(0x60000102, 'US', 12)  # of another bit
    with pytest.raises(MammogramError, match='outside the 12 bits'):
        read_mammogram(save(ds, tmp_path / 'a.dcm'))


@pytest.mark.parametrize(
    'high_bit, shift, kind',
    [
        (15, 4, 'pixels in the upper bits'),
        (13, 2, 'pixels in the upper bits'),
        (12, 0, 'HighBit that disagrees with the pixels'),
        (15, 0, 'HighBit that disagrees with the pixels'),
        (7, 0, 'HighBit that disagrees with the pixels'),
        (40, 0, 'HighBit that disagrees with the pixels'),
    ],
)
@pytest.mark.parametrize('signed', [False, True])
def test_high_bit_beside_bits_stored(tmp_path, high_bit, shift, kind, signed):
    stored = ramp(12, signed)
    words = (stored.astype(np.int32) << shift).astype(stored.dtype)
    ds = make_dataset(words, signed=signed, HighBit=high_bit)
    pixels, told = shown(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_allclose(pixels, (stored - stored.min()) / 4095, atol=1e-6)
    assert told == [kind]


def test_pixels_in_the_upper_bits_with_an_overlay_below(tmp_path):
    stored = ramp(12)
    words = stored << 4 | (np.arange(4096).reshape(64, 64) % 2).astype(np.uint16)
    ds = make_dataset(words, HighBit=15)
    ds.add_new(0x60000102, 'US', 0)
    pixels, told = shown(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_allclose(pixels, stored / 4095, atol=1e-6)
    assert told[0] == 'pixels in the upper bits'


def test_overlay_of_its_own_is_no_warning(tmp_path):
    """Overlay data (60xx,3000) states bit 0 of a word of its own."""
    ds = make_dataset()
    ds.add_new(0x60000102, 'US', 0)
    ds.add_new(0x60003000, 'OW', bytes(512))
    assert shown(save(ds, tmp_path / 'a.dcm'))[1] == []


# the file's frame


def bare(ds, path, meta=False, **how):
    """Write a data set without preamble, with or without its meta header."""
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    whole = path.with_suffix('.whole')
    ds.save_as(whole, enforce_file_format=True)
    data = whole.read_bytes()
    if meta:
        path.write_bytes(data[132:])
    else:
        length = int.from_bytes(data[140:144], 'little')
        path.write_bytes(data[144 + length :])
    whole.unlink()
    return path


@pytest.mark.parametrize('syntax', [ImplicitVRLittleEndian, None, ExplicitVRBigEndian])
@pytest.mark.parametrize('meta', [False, True])
def test_no_preamble(tmp_path, syntax, meta):
    stored = ramp(12)
    ds = make_dataset(stored)
    if syntax is not None:
        ds.file_meta.TransferSyntaxUID = syntax
    if syntax is ExplicitVRBigEndian:
        ds.PixelData = stored.astype('>u2').tobytes()
        ds['PixelData'].VR = 'OW'
    mammogram = read_mammogram(bare(ds, tmp_path / 'a.dcm', meta))
    np.testing.assert_allclose(mammogram.pixels, stored / 4095, atol=1e-6)
    told = kinds(mammogram)
    assert told[0] == 'no DICOM preamble'
    assert ('no transfer syntax' in told) == (not meta)
    assert read_header(tmp_path / 'a.dcm').header['rows'] == 64


def test_dicm_without_its_preamble(tmp_path):
    data = make_dicom(tmp_path / 'a.dcm').read_bytes()
    (tmp_path / 'b.dcm').write_bytes(data[128:])
    mammogram = read_mammogram(tmp_path / 'b.dcm')
    assert kinds(mammogram) == ['no DICOM preamble']
    np.testing.assert_array_equal(
        mammogram.pixels, read_mammogram(tmp_path / 'a.dcm').pixels
    )


def test_compressed_without_transfer_syntax_is_refused(tmp_path):
    ds = make_dataset()
    ds.compress(RLELossless, generate_instance_uid=False)
    with pytest.raises(MammogramError, match='TransferSyntaxUID.*is missing|cannot be'):
        read_mammogram(bare(ds, tmp_path / 'a.dcm'))


@pytest.mark.parametrize(
    'data',
    [b'\x02\x00', b'\x08\x00\x05\x00', bytes(200), b'\x08\x00' * 90, b'GIF89a' * 40],
)
def test_not_dicom_at_all(tmp_path, data):
    (tmp_path / 'a').write_bytes(data)
    for read in (read_header, read_mammogram):
        with pytest.raises(MammogramError):
            read(tmp_path / 'a')
