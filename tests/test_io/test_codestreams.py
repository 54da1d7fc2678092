"""Sizes that streams declare, against those they were encoded with."""

import cv2
import numpy as np
import pytest
from dicom_making import make_dataset
from pydicom.encaps import get_frame
from pydicom.uid import JPEG2000Lossless

from mammo_plugins.io.codestreams import check_jpeg, stream_size


@pytest.mark.parametrize('shape', [(64, 64), (65, 130), (130, 65)])
def test_size(shape):
    image = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype(np.uint16)
    jpeg = cv2.imencode('.jpg', image.astype(np.uint8))[1].tobytes()
    assert stream_size(jpeg) == shape
    ds = make_dataset(image)
    ds.compress(JPEG2000Lossless)
    stream = get_frame(ds.PixelData, 0, number_of_frames=1)
    assert stream_size(stream) == shape
    for cut in range(0, 60):
        assert stream_size(jpeg[:cut]) is None
        assert stream_size(stream[:cut]) in (None, shape)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\xff\xd8',
        b'\xff\xd8' + b'\xff' * 999,
        b'\xff\xd8' + b'\xff\xe1\0\0' * 999,
        bytes(999),
    ],
)
def test_streams_without_a_size(data):
    assert stream_size(data) is None


def lossless(
    tables=b'\x00' + bytes([0, 1]) + bytes(14) + b'\x00',
    frame=None,
    scan=b'\x01\x01\x00\x01\x00\x00',
    coded=bytes(8),
    end=b'\xff\xd9',
):
    """Return a lossless stream whose only code is of two bits."""
    frame = b'\x0c\x00\x14\x00\x18\x01\x01\x11\x00' if frame is None else frame

    def segment(marker, body):
        return b'\xff' + marker + (len(body) + 2).to_bytes(2, 'big') + body

    return (
        b'\xff\xd8'
        + segment(b'\xe0', b'JFIF')
        + segment(b'\xc3', frame)
        + segment(b'\xc4', tables)
        + segment(b'\xda', scan)
        + coded
        + end
    )


def test_sound_streams_pass():
    for image in (np.zeros((8, 8), np.uint8), np.arange(256).reshape(16, 16)):
        check_jpeg(cv2.imencode('.jpg', image.astype(np.uint8))[1].tobytes())
    check_jpeg(lossless())
    check_jpeg(lossless(coded=b'\xff\x00\xff\xd0\x12'))


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(tables=b''), 'Huffman table'),
        (dict(tables=b'\x00' + bytes(16)), 'table'),
        (dict(tables=b'\x01' + bytes([0, 1]) + bytes(14) + b'\x00'), 'table'),
        (dict(tables=b'\x00' + bytes([3]) + bytes(15) + b'\x00\x01\x02'), 'codes'),
        (dict(tables=b'\x00' + bytes([0, 2]) + bytes(14) + b'\x00'), 'table'),
        (dict(frame=b'\x0c\x00\x14'), 'frame'),
        (dict(frame=b'\x20\x00\x14\x00\x18\x01\x01\x11\x00'), 'precision'),
        (dict(frame=b'\x0c\x00\x14\x00\x18\x03\x01\x11\x00'), 'frame'),
        (dict(scan=b'\x01\x02\x00\x01\x00\x00'), 'scan'),
        (dict(scan=b'\x01\x01\x00\x08\x00\x00'), 'predictor'),
        (dict(scan=b'\x01\x01\x00\x01\x00\x0c'), 'predictor'),
        (dict(coded=b'\xff\xc4'), 'end'),
        (dict(end=b''), 'end'),
    ],
)
def test_damaged_streams_do_not(changes, message):
    with pytest.raises(ValueError, match=message):
        check_jpeg(lossless(**changes))
    for cut in range(2, 40):
        with pytest.raises(ValueError):
            check_jpeg(lossless()[:cut])
