"""Sizes that streams declare, against those they were encoded with."""
import cv2
import numpy as np
import pytest
from dicom_making import make_dataset
from pydicom.encaps import get_frame
from pydicom.uid import JPEG2000Lossless

from mammo_plugins.io.codestreams import stream_size


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


@pytest.mark.parametrize('data', [b'', b'\xff\xd8', b'\xff\xd8' + b'\xff' * 999,
                                  b'\xff\xd8' + b'\xff\xe1\0\0' * 999, bytes(999)])
def test_streams_without_a_size(data):
    assert stream_size(data) is None
