"""Pictures: depth, grey-in-colour and everything that is refused."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

from mammo_plugins.io import MammogramError, read_header, read_mammogram
from mammo_plugins.io.dicom_header import FACTS


def noise(bits, shape=(30, 50)):
    values = np.random.default_rng(1).integers(0, 2**bits, shape)
    values.flat[:2] = 0, 2**bits - 1
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def write(path, image):
    if path.suffix == '.tif':
        tifffile.imwrite(path, image)
    else:
        assert cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize('suffix', ['.png', '.tif', '.pgm'])
@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
def test_depth_is_the_smallest_that_holds_the_data(tmp_path, suffix, bits):
    image = noise(bits)
    mammogram = read_mammogram(write(tmp_path / f'a{suffix}', image))
    np.testing.assert_array_equal(
        mammogram.pixels, (image / (2**bits - 1)).astype(np.float32)
    )
    assert mammogram.pixels.dtype == np.float32
    assert mammogram.header['bits_stored'] == bits
    assert (mammogram.laterality, mammogram.view, mammogram.pixel_spacing_mm) == (
        None,
        None,
        None,
    )


def test_all_4096_levels_of_a_12_bit_png_arrive(tmp_path):
    image = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    mammogram = read_mammogram(write(tmp_path / 'a.png', image))
    assert len(np.unique(mammogram.pixels)) == 4096


def test_stated_depth_wins(tmp_path):
    image = noise(10)
    path = write(tmp_path / 'a.png', image)
    np.testing.assert_allclose(
        read_mammogram(path, bits_stored=12).pixels, image / 4095, atol=1e-7
    )
    with pytest.raises(MammogramError, match='more than bits_stored=9'):
        read_mammogram(path, bits_stored=9)
    with pytest.raises(ValueError, match='1 to 16'):
        read_mammogram(path, bits_stored=0)


def test_eight_bit_jpeg(tmp_path):
    path = write(tmp_path / 'a.jpg', noise(8))
    with Image.open(path) as decoded:
        expected = np.asarray(decoded) / 255
    assert abs(read_mammogram(path).pixels - expected).max() < 3 / 255


@pytest.mark.parametrize('largest, dtype', [(100, 'u1'), (4000, '>u2')])
@pytest.mark.parametrize('plain', [False, True])
def test_pgm_states_its_range(tmp_path, largest, dtype, plain):
    image = np.arange(20).reshape(4, 5) * (largest // 20)
    body = (
        b' '.join(b'%d' % v for v in image.ravel())
        if plain
        else image.astype(dtype).tobytes()
    )
    path = tmp_path / 'a.pgm'
    path.write_bytes(b'P%d\n# made up\n5 4\n%d\n' % (2 if plain else 5, largest) + body)
    np.testing.assert_allclose(read_mammogram(path).pixels, image / largest, atol=1e-7)


@pytest.mark.parametrize(
    'data',
    [
        b'P5\n5 4\n255\n' + b'\1' * 19,
        b'P5\n5 4\n300\n' + b'\1' * 39,
        b'P2\n2 2\n255\n1 2 3',
        b'P2\n2 2\n255\n1 2 3 x',
        b'P5\n5 4\n0\n' + b'\1' * 20,
        b'P5 nonsense',
        b'P5\n2 2\n9\n\1\2\3\x0a',
        b'P5\n0 0\n255\n',
    ],
)
def test_malformed_pgm(tmp_path, data):
    path = tmp_path / 'a.pgm'
    path.write_bytes(data)
    with pytest.raises(MammogramError, match='PGM'):
        read_mammogram(path)


def test_float_tiff_in_the_unit_range(tmp_path):
    image = (noise(16) / 65535).astype(np.float32)
    np.testing.assert_array_equal(
        read_mammogram(write(tmp_path / 'a.tif', image)).pixels, image
    )


@pytest.mark.parametrize('bits', [8, 16])
def test_grey_in_colour_channels(tmp_path, bits):
    image = noise(bits)
    opaque = np.full_like(image, 2**bits - 1)
    for channels in ([image] * 3, [image] * 3 + [opaque]):
        path = write(tmp_path / 'a.png', np.dstack(channels))
        np.testing.assert_array_equal(
            read_mammogram(path).pixels, (image / (2**bits - 1)).astype(np.float32)
        )


def breast(shape=(300, 200)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    grey = 200 * np.exp(-(x**2 + (y - shape[0] / 2) ** 2) / 1e4)
    return np.clip(grey + np.random.default_rng(2).normal(0, 5, shape), 0, 255)


@pytest.mark.parametrize('quality', [75, 90, 100])
@pytest.mark.parametrize('noise_level', [0, 1, 5])
def test_jpeg_of_a_grey_picture_with_noise_in_its_channels(
    tmp_path, quality, noise_level
):
    grey = breast()
    channels = grey[..., None] + np.random.default_rng(3).normal(
        0, noise_level, (*grey.shape, 3)
    )
    path = tmp_path / 'a.jpg'
    Image.fromarray(np.clip(channels, 0, 255).astype(np.uint8)).save(
        path, quality=quality, subsampling='4:2:0'
    )
    with Image.open(path) as decoded:
        if noise_level == 5:  # else this tests nothing
            assert np.ptp(np.asarray(decoded).astype(int), axis=2).any()
    with Image.open(path) as luminance:
        luminance.draft('L', luminance.size)  # the JPEG's own, undisturbed
        expected = np.asarray(luminance.convert('L')) / 255
    pixels = read_mammogram(path).pixels
    assert pixels.shape == grey.shape and pixels.dtype == np.float32
    assert abs(pixels - expected).max() < 2.5 / 255


COLOURED = {
    'tint': lambda picture: picture * (0.7, 0.9, 1),
    'colour map': lambda picture: cv2.applyColorMap(
        picture[..., 0].astype(np.uint8), cv2.COLORMAP_BONE
    ),
    'text': lambda picture: cv2.putText(
        picture.astype(np.uint8),
        'L',
        (100, 150),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5,
        (0, 0, 255),
    ),
    'one line': lambda picture: cv2.line(picture, (10, 10), (40, 40), (0, 255, 0)),
}


@pytest.mark.parametrize('quality', [75, 95])
@pytest.mark.parametrize('kind', list(COLOURED))
def test_jpeg_with_colour_is_refused(tmp_path, kind, quality):
    picture = np.ascontiguousarray(np.repeat(breast()[..., None], 3, axis=2))
    picture = np.clip(COLOURED[kind](picture), 0, 255).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / 'a.jpg', quality=quality)
    with pytest.raises(MammogramError, match='colour'):
        read_mammogram(tmp_path / 'a.jpg')


def test_a_lossless_picture_has_no_noise_in_its_channels(tmp_path):
    image = np.dstack([noise(8) // 2] * 3)
    image[3, 4, 1] += 1
    with pytest.raises(MammogramError, match='colour'):
        read_mammogram(write(tmp_path / 'a.png', image))


def test_format_is_told_by_content_not_by_name(tmp_path):
    image = noise(12)
    path = write(tmp_path / 'a.png', image).rename(tmp_path / 'a.dcm')
    assert read_mammogram(path).header['format'] == 'PNG'


BAD = {
    'colour': (np.dstack([noise(8), noise(8), noise(8) // 2]), '.png', 'colour'),
    'alpha': (np.dstack([noise(8)] * 4), '.png', 'transparent'),
    'constant': (np.full((9, 9), 3, np.uint8), '.png', 'constant'),
    'nan': (np.array([[0, np.nan], [1, 0]], np.float32), '.tif', 'NaN'),
    'inf': (np.array([[0, np.inf], [1, 0]], np.float32), '.tif', 'NaN or inf'),
    'float range': (np.array([[0, 4], [1, 0]], np.float32), '.tif', 'no range'),
    'signed': (np.array([[0, 4], [1, 0]], np.int16), '.tif', 'int16'),
    'pages': (np.stack([noise(8)] * 2), '.tif', '2 pages'),
}


@pytest.mark.parametrize('case', list(BAD))
def test_refused(tmp_path, case):
    image, suffix, reason = BAD[case]
    path = write(tmp_path / f'bad{suffix}', image)
    with pytest.raises(MammogramError, match=reason) as caught:
        read_mammogram(path)
    assert str(path) in str(caught.value)


def test_white_is_zero_tiff_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / 'a.tif', noise(16), photometric='miniswhite')
    with pytest.raises(MammogramError, match='BlackIsZero'):
        read_mammogram(tmp_path / 'a.tif')


@pytest.mark.parametrize('suffix', ['.png', '.tif', '.jpg', '.pgm'])
def test_every_truncation_is_refused(tmp_path, suffix):
    whole = write(tmp_path / f'a{suffix}', noise(8)).read_bytes()
    cut = tmp_path / f'cut{suffix}'
    for size in list(range(0, len(whole) - 14, len(whole) // 20)):
        cut.write_bytes(whole[:size])
        with pytest.raises(MammogramError):
            read_mammogram(cut)


@pytest.mark.parametrize(
    'make, reason',
    [
        (lambda path: None, 'no such file'),
        (lambda path: path.mkdir(), 'is a folder, not an image file'),
        (lambda path: path.write_bytes(b''), 'empty file'),
        (lambda path: path.write_text('hello'), 'neither DICOM'),
        (lambda path: path.write_bytes(bytes(128) + b'DICM'), 'missing|cut short'),
        (lambda path: path.write_bytes(b'\x89PNG\r\n\x1a\n'), 'PNG'),
    ],
)
@pytest.mark.parametrize('read', [read_mammogram, read_header])
def test_no_mammogram_at_all(tmp_path, make, reason, read):
    path = tmp_path / 'thing'
    make(path)
    with pytest.raises(MammogramError, match=reason):
        read(path)


@pytest.mark.parametrize('suffix', ['.png', '.tif', '.jpg', '.pgm'])
def test_header_of_a_picture(tmp_path, suffix):
    header = read_header(write(tmp_path / f'a{suffix}', noise(8))).header
    assert tuple(header) == FACTS
    assert (header['rows'], header['columns']) == (30, 50)
    assert header['exam_key'] is None


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_orientation_tag_is_told_and_pixels_stay(tmp_path, suffix):
    image = Image.fromarray((noise(8) % 2 * 200).astype(np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(tmp_path / f'turned{suffix}', exif=exif)
    image.save(tmp_path / f'plain{suffix}')
    turned, plain = (
        read_mammogram(tmp_path / f'{name}{suffix}') for name in ('turned', 'plain')
    )
    np.testing.assert_array_equal(turned.pixels, plain.pixels)
    assert not plain.warnings
    for found in (turned, read_header(tmp_path / f'turned{suffix}')):
        assert [w.kind for w in found.warnings] == ['picture with an Orientation tag']


@pytest.mark.parametrize('bits', [8, 16])
def test_turned_tiff_is_refused(tmp_path, bits):
    tifffile.imwrite(tmp_path / 'a.tif', noise(bits), extratags=[(274, 3, 1, 6, True)])
    with pytest.raises(MammogramError, match='Orientation 6.*save it upright'):
        read_mammogram(tmp_path / 'a.tif')
