"""What damaged and hostile files come to: one line, or finite levels."""

import os
import struct
import threading

import numpy as np
import pytest
from dicom_making import make_dataset, make_dicom, ramp, save
from meta_image_making import write_mhd
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from mammo_plugins.io import MammogramError, read_header, read_mammogram
from mammo_plugins.io import dicom as dicom_module
from mammo_plugins.io.pgm import decode_pgm, pgm_header


def kinds(found):
    return [warning.kind for warning in found.warnings]


@pytest.mark.filterwarnings('ignore:.*non-conformant padding')
def test_rle_that_decodes_to_more_pixels(tmp_path, capfd):
    """The decoder in Rust panics at such data, which is no Exception, and prints it."""
    values = ramp(shape=(8, 8))
    ds = make_dataset(values)
    planes = [
        (values >> 8).astype(np.uint8).tobytes(),
        (values & 255).astype(np.uint8).tobytes(),
    ]
    runs = [b''.join(bytes([0, value]) for value in plane) for plane in planes]
    for name, extra in (('sound', b''), ('more', b'\x81\x07' * 3)):
        parts = [runs[0] + extra, runs[1]]
        table = struct.pack('<16I', 2, 64, 64 + len(parts[0]), *[0] * 13)
        ds.PixelData = encapsulate([table + b''.join(parts)])
        ds['PixelData'].VR = 'OB'
        ds.file_meta.TransferSyntaxUID = RLELossless
        path = save(ds, tmp_path / f'{name}.dcm')
        np.testing.assert_allclose(
            read_mammogram(path).pixels, values / 4095, atol=1e-6
        )
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
    'error, passes',
    [
        (type('PanicException', (BaseException,), {}), False),
        (ValueError, False),
        (MemoryError, False),
        (RecursionError, False),
        (KeyboardInterrupt, True),
        (SystemExit, True),
        (GeneratorExit, True),
        (type('Stop', (BaseException,), {}), True),
    ],
)
def test_panics_are_caught_and_stops_are_not(tmp_path, monkeypatch, error, passes):

    def fail(*_, **__):
        raise error('Secretname')

    path = make_dicom(tmp_path / 'a.dcm')
    for name in ('pixel_array', 'display'):
        with monkeypatch.context() as patch:
            patch.setattr(dicom_module, name, fail)
            with pytest.raises(error if passes else MammogramError) as caught:
                read_mammogram(path)
        assert passes or 'Secretname' not in str(caught.value)


@pytest.mark.parametrize(
    'slope, intercept',
    [
        ('1e308', '0'),
        ('1e308', '1e308'),
        ('1e-320', '0'),
        ('1', '1e300'),
        ('1', '1e17'),
        ('-1e308', '-1e308'),
        ('1e-300', '1e308'),
    ],
)
def test_a_rescale_at_the_edge_of_float64_is_not_used(tmp_path, slope, intercept):
    path = make_dicom(
        tmp_path / 'a.dcm', RescaleSlope=slope, RescaleIntercept=intercept
    )
    found = read_mammogram(path)
    np.testing.assert_allclose(found.pixels, ramp() / 4095, atol=1e-6)
    assert 'rescale that cannot be used' in kinds(found)
    assert kinds(read_header(path)) == kinds(found)


@pytest.mark.parametrize('slope', ['1e90', '-1e-90', '0.001'])
def test_other_rescales_are(tmp_path, slope):
    found = read_mammogram(make_dicom(tmp_path / 'a.dcm', RescaleSlope=slope))
    expected = ramp() / 4095 if float(slope) > 0 else 1 - ramp() / 4095
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)
    assert not found.warnings


@pytest.mark.parametrize(
    'center, width',
    [('1e308', '1e-320'), ('-1e308', '1'), ('2000', '1e308'), ('0', '1e-320')],
)
@pytest.mark.parametrize('function', ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'])
def test_windows_at_the_edge_of_float64(tmp_path, center, width, function):
    path = make_dicom(
        tmp_path / 'a.dcm',
        WindowCenter=center,
        WindowWidth=width,
        VOILUTFunction=function,
    )
    with np.errstate(over='raise', divide='raise', invalid='raise'):
        pixels = read_mammogram(path).pixels
    assert 0 <= pixels.min() < pixels.max() <= 1


@pytest.mark.parametrize('number', ['1e308', '-1e308', '65535'])
def test_a_high_bit_beyond_all_bits_is_not_used(tmp_path, number):
    ds = make_dataset()
    ds.add_new('HighBit', 'DS', number)
    found = read_mammogram(save(ds, tmp_path / 'a.dcm'))
    np.testing.assert_allclose(found.pixels, ramp() / 4095, atol=1e-6)
    assert kinds(found) == ['HighBit that disagrees with the pixels']


@pytest.mark.parametrize('keyword, value', [('Rows', 0), ('Columns', 0)])
def test_an_image_without_rows_or_columns(tmp_path, keyword, value):
    for reader in (read_header, read_mammogram):
        with pytest.raises(MammogramError, match='is 0: no image'):
            reader(make_dicom(tmp_path / 'a.dcm', **{keyword: value}))


@pytest.mark.parametrize('reader', [read_header, read_mammogram])
def test_pipes_and_devices_are_not_opened(tmp_path, reader):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'zero').symlink_to('/dev/zero')
    caught = []

    def read(name):
        try:
            reader(tmp_path / name)
        except MammogramError as error:
            caught.append(error.reason)

    for name in ('pipe', 'zero'):
        thread = threading.Thread(target=read, args=(name,), daemon=True)
        thread.start()
        thread.join(10)
    assert len(caught) == 2 and all('not an image file' in reason for reason in caught)


@pytest.mark.parametrize(
    'data, expected',
    [
        (b'P5 2 3 255 ', (False, 2, 3, 255, 11)),
        (b'P2\n#c\n2\t3 #d\n255\n', (True, 2, 3, 255, 17)),
        (b'P5#c\n2 3 255\n', (False, 2, 3, 255, 13)),
        (b'P5 002 3 255 ', (False, 2, 3, 255, 13)),
        (b'P5' + b' ' * 40 + b'#c\r2 2 255 \1\2\3\4', None),
        (b'P52 3 255 ', None),
        (b'P5 ' + b'1' * 4300 + b' 2 255 ', None),
        (b'P5 2 3 255', None),
        (b'P5 2 3 ', None),
        (b'P5 2 -3 255 ', None),
        (b'P5' + b' ' * 2**22, None),
        (b'P5 #' + b'c' * 2**22, None),
    ],
)
def test_headers_of_pgm(data, expected):
    assert pgm_header(data) == expected


def test_text_pgm_with_long_numbers_is_refused():
    assert decode_pgm(b'P2 2 1 255 1 ' + b'1' * 5000) is None
    assert decode_pgm('P2 2 1 255 1 \u0661'.encode()) is None
    image, largest = decode_pgm(b'P2 2 1 255 1 2 3')
    assert image.tolist() == [[1, 2]] and largest == 255


@pytest.mark.parametrize(
    'name', ['link.raw', 'folder/secret.raw', 'pipe', '.', 'folder']
)
def test_data_files_that_links_lead_out_of_the_folder(tmp_path, name):
    values = ramp(shape=(20, 30))
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'secret.raw').write_bytes(values.tobytes())
    folder = tmp_path / 'inside'
    path = write_mhd(folder / 'a.mhd', values)
    path.write_text(path.read_text().replace('a.raw', name))
    (folder / 'link.raw').symlink_to(tmp_path / 'elsewhere' / 'secret.raw')
    (folder / 'folder').symlink_to(tmp_path / 'elsewhere')
    os.mkfifo(folder / 'pipe')
    with pytest.raises(MammogramError, match='points outside|is missing'):
        read_mammogram(path)


def test_headers_that_are_links_themselves(tmp_path):
    """As in ``out/raw``, or a set laid out by links to header and pixels alike."""
    values = ramp(shape=(20, 30))
    path = write_mhd(tmp_path / 'set' / 'a.mhd', values)
    (tmp_path / 'raw').symlink_to(tmp_path / 'set')
    (tmp_path / 'linked').mkdir()
    for name in ('a.mhd', 'a.raw'):
        (tmp_path / 'linked' / name).symlink_to(tmp_path / 'set' / name)
    expected = read_mammogram(path).pixels
    for folder in ('raw', 'linked'):
        np.testing.assert_array_equal(
            read_mammogram(tmp_path / folder / 'a.mhd').pixels, expected
        )
