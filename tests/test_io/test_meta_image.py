"""MetaImages: what their headers say, and what is refused."""

import zlib

import numpy as np
import pytest
from meta_image_making import write_mhd

from mammo_plugins.io import MammogramError, read_header, read_mammogram


@pytest.fixture
def levels():
    return np.random.default_rng(0).random((30, 20)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'projection.mhd'


def test_facts(path, levels):
    write_mhd(path, levels, ElementSpacing='0.1 0.2')
    for found in (read_header(path), read_mammogram(path)):
        assert found.pixel_spacing_mm == (0.2, 0.1)  # rows are y, the second number
        assert (found.laterality, found.view) == (None, None)
        header = found.header
        assert (header['format'], header['rows'], header['columns']) == (
            'MetaImage',
            30,
            20,
        )
        assert (header['bits_allocated'], header['pixel_spacing_source']) == (
            32,
            'ElementSpacing',
        )


@pytest.mark.parametrize('dtype', ['<f4', '>f4', '<f8', '>f8'])
def test_floats_in_their_range_are_taken_as_they_are(path, levels, dtype):
    write_mhd(path, levels.astype(dtype), BinaryDataByteOrderMSB=dtype[0] == '>')
    found = read_mammogram(path)
    np.testing.assert_array_equal(found.pixels, levels)
    assert found.pixels.dtype == np.float32 and found.header['modality_lut'] is None


@pytest.mark.parametrize(
    'dtype, highest, bits',
    [
        ('<u1', 255, 8),
        ('<u2', 4095, 12),
        ('>u2', 65535, 16),
        ('<i2', 1023, 10),
        ('<i4', 16383, 14),
    ],
)
def test_integers_are_scaled_by_their_depth(path, dtype, highest, bits):
    values = np.arange(600).reshape(30, 20) % (highest + 1)
    values[0, 0] = highest
    write_mhd(
        path,
        values.astype(dtype),
        BinaryDataByteOrderMSB=None,
        ElementByteOrderMSB=dtype[0] == '>',
    )
    found = read_mammogram(path)
    np.testing.assert_allclose(found.pixels, values / highest, rtol=0, atol=1e-7)
    assert found.header['bits_stored'] == bits
    if bits == 10:
        found = read_mammogram(path, bits_stored=12)
        np.testing.assert_allclose(found.pixels, values / 4095, rtol=0, atol=1e-7)


def test_a_stated_range_scales_floats(path, levels):
    write_mhd(path, levels * 300 - 100, ElementMin=-100, ElementMax=300)
    np.testing.assert_allclose(read_mammogram(path).pixels, levels * 0.75, atol=1e-6)
    write_mhd(path, levels * 300 - 100, ElementMin=-100, ElementMax=150)
    with pytest.raises(MammogramError, match='outside the -100 to 150'):
        read_mammogram(path)


@pytest.mark.parametrize(
    'form',
    [
        dict(ElementDataFile='LOCAL'),
        dict(ElementDataFile='local'),
        dict(ElementSpacing=None, ElementSize='0.085 0.085'),
        dict(NDims=None),
        dict(BinaryData='T', CompressedData='0', ElementNumberOfChannels=1),
        dict(ElementByteOrderMSB='False', Modality='MET_MOD_OTHER'),
    ],
)
def test_forms_of_the_header(path, levels, form):
    write_mhd(path, levels, **form)
    found = read_mammogram(path)
    np.testing.assert_array_equal(found.pixels, levels)
    assert found.pixel_spacing_mm == (0.085, 0.085)


def test_line_ends_and_blanks(path, levels):
    """As in VICTRE's files: a field twice, no line end after the last."""
    write_mhd(path, levels)
    text = path.read_text()
    for variant in (
        text.replace('\n', '\r\n'),
        '\ufeff' + text,
        text.rstrip('\n'),
        text.replace(' = ', '='),
        text.replace(' = ', '  =\t'),
        'Comment = a note\n' + text,
        text.replace('ElementDataFile', 'ObjectType = Image\nElementDataFile'),
    ):
        path.write_bytes(variant.encode())
        np.testing.assert_array_equal(read_mammogram(path).pixels, levels)


@pytest.mark.parametrize('planes', [2, 3])
def test_of_several_planes_the_first_counts(path, levels, planes):
    other = np.concatenate([levels, *[1 - levels] * (planes - 1)])
    write_mhd(path, levels, data=other.tobytes())
    found = read_mammogram(path)
    np.testing.assert_array_equal(found.pixels, levels)
    (warning,) = found.warnings
    assert warning.kind == 'several planes of pixels'
    assert warning.detail.startswith(f'{planes} in the data file')


def test_one_slice_of_a_volume(path, levels):
    write_mhd(path, levels[None], ElementSpacing='0.085 0.085 1')
    np.testing.assert_array_equal(read_mammogram(path).pixels, levels)


def test_compressed_pixels(path, levels):
    write_mhd(path, levels, data=zlib.compress(levels.tobytes()), CompressedData='True')
    np.testing.assert_array_equal(read_mammogram(path).pixels, levels)
    write_mhd(path, levels, data=levels.tobytes(), CompressedData='True')
    with pytest.raises(MammogramError, match='cannot be unpacked'):
        read_mammogram(path)


def test_a_header_of_stated_length(path, levels):
    write_mhd(path, levels, data=b'x' * 7 + levels.tobytes(), HeaderSize=7)
    np.testing.assert_array_equal(read_mammogram(path).pixels, levels)
    write_mhd(path, levels, data=b'x' * 99 + levels.tobytes(), HeaderSize=-1)
    np.testing.assert_array_equal(read_mammogram(path).pixels, levels)


@pytest.mark.parametrize(
    'spacing', [None, '0 0', '0.085', '-1 0.085', 'unknown', 'nan 1', '']
)
def test_an_unusable_spacing_is_unknown_and_told(path, levels, spacing):
    write_mhd(path, levels, ElementSpacing=spacing)
    for found in (read_mammogram(path), read_header(path)):
        assert found.pixel_spacing_mm is None
        assert found.header['pixel_spacing_source'] is None
        assert [warning.kind for warning in found.warnings] == (
            [] if spacing is None else ['pixel spacing that makes no sense']
        )


@pytest.mark.parametrize(
    'fields, message',
    [
        (dict(ElementType='MET_FLOAT_ARRAY'), 'ElementType is another; expected one'),
        (dict(ElementType=None), 'ElementType is missing'),
        (dict(DimSize=None), 'DimSize is not'),
        (dict(DimSize='20 -30'), 'DimSize is not'),
        (dict(DimSize='20 30 40'), 'as NDims states'),
        (
            dict(DimSize='20 thirty'),
            'DimSize holds something that is not a finite number',
        ),
        (dict(DimSize='20 30 5', NDims=3), 'a volume of 20 x 30 x 5 elements'),
        (dict(ElementNumberOfChannels=3), '3 channels'),
        (dict(BinaryData='False'), 'pixels as text'),
        (dict(CompressedData='maybe'), 'CompressedData is neither True nor False'),
        (dict(ElementByteOrderMSB='True'), 'contradict each other'),
        (dict(ObjectType='Mesh'), 'ObjectType is not Image'),
        (
            dict(Offset='0 0 0\nOffset = 1 0 0'),
            'line 8 has another value than an earlier line',
        ),
        (dict(Offset='0 0 0\nnonsense'), 'line 8 is not'),
        (dict(ElementDataFile=None), 'without ElementDataFile'),
        (dict(ElementDataFile=''), 'expected LOCAL, or the name'),
        (dict(ElementDataFile='LIST'), 'expected LOCAL'),
        (dict(ElementDataFile='slice%03d.raw 1 9 1'), 'expected LOCAL'),
        (dict(ElementDataFile='absent.raw'), 'data file .* is missing'),
    ],
)
def test_what_is_refused(path, levels, fields, message):
    if 'ElementDataFile' in fields and fields['ElementDataFile'] is None:
        write_mhd(path, levels)
        path.write_text(path.read_text().partition('ElementDataFile')[0])
    else:
        write_mhd(path, levels, **fields)
    with pytest.raises(MammogramError, match=message) as raised:
        read_mammogram(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    'name',
    [
        '../secret.raw',
        '/etc/hostname',
        'sub/../../secret.raw',
        '..\\secret.raw',
        'C:\\secret.raw',
        '\\\\host\\share\\secret.raw',
        '{absolute}',
    ],
)
def test_pixels_outside_of_the_folder_are_not_read(tmp_path, levels, name):
    path = tmp_path / 'exam/projection.mhd'
    (tmp_path / 'secret.raw').write_bytes(levels.tobytes())
    write_mhd(
        path,
        levels,
        ElementDataFile=name.format(absolute=tmp_path / 'exam/projection.raw'),
    )
    with pytest.raises(MammogramError, match="outside the header's folder"):
        read_mammogram(path)
    with pytest.raises(MammogramError, match="outside the header's folder"):
        read_header(path)


def test_pixels_in_a_folder_below(tmp_path, levels):
    path = write_mhd(tmp_path / 'a.mhd', levels, ElementDataFile='below/a b.raw')
    (tmp_path / 'below').mkdir()
    (tmp_path / 'a.raw').rename(tmp_path / 'below/a b.raw')
    np.testing.assert_array_equal(read_mammogram(path).pixels, levels)


@pytest.mark.parametrize(
    'change, message',
    [
        (-4, 'truncated: 2396 of 2400 bytes'),
        (-2400, 'truncated: 0 of 2400'),
        (4, 'not a multiple of the 2400'),
    ],
)
def test_pixels_of_another_number(path, levels, change, message):
    data = (levels.tobytes() + b'1234')[: 2400 + change]
    write_mhd(path, levels, data=data)
    with pytest.raises(MammogramError, match=message):
        read_mammogram(path)


def test_values_that_are_no_mammogram(path):
    for values, message in (
        (np.full((30, 20), 7, np.uint16), 'constant image'),
        (np.arange(600).reshape(30, 20).astype('i2') - 5, 'holds -5 to 594'),
        (-np.arange(600.0).reshape(30, 20), 'not an X-ray projection'),
        (np.full((30, 20), np.nan), 'not an X-ray projection'),
    ):
        write_mhd(path, values)
        with pytest.raises(MammogramError, match=message):
            read_mammogram(path)
