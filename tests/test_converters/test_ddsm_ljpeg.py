"""Streams as the PVRG codec writes them, against a scalar encoder."""

import numpy as np
import pytest
from ljpeg_encoder import encode_ljpeg
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from mammo_plugins.converters.ddsm_ljpeg import BadStream, decode_ljpeg

HEIGHT, WIDTH = 37, 23


def picture(bits, seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) / (HEIGHT + WIDTH)
    noisy = (0.9 * smooth + 0.1 * rng.random(smooth.shape)) * (2**bits - 1)
    noisy[5, 7], noisy[20, 3] = 0, 2**bits - 1
    return noisy.astype(np.uint16)


def decode_by_the_standard(stream):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = '1.2.840.10008.1.2.4.57'
    ds.Rows, ds.Columns, ds.SamplesPerPixel = HEIGHT, WIDTH, 1
    ds.PhotometricInterpretation, ds.PixelRepresentation = 'MONOCHROME2', 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelData = encapsulate([stream])
    return pixel_array(ds, decoding_plugin='gdcm')


@pytest.mark.parametrize('predictor', range(1, 8))
@pytest.mark.parametrize('bits, precision', [(12, 16), (12, 12), (16, 16)])
def test_pixels_come_back(predictor, bits, precision):
    image = picture(bits)
    decoded = decode_ljpeg(
        encode_ljpeg(image, predictor, precision), HEIGHT, WIDTH, bits
    )
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, image)


def test_a_standard_decoder_fails_where_ddsm_departs_from_the_standard():
    image = picture(12)
    standard = encode_ljpeg(image, pvrg=False)
    np.testing.assert_array_equal(decode_by_the_standard(standard), image)
    assert (decode_by_the_standard(encode_ljpeg(image)) != image).mean() > 0.5
    # such a stream is told by its values, which exceed 12 bits by the other rule
    np.testing.assert_array_equal(decode_ljpeg(standard, HEIGHT, WIDTH, 12), image)


def test_exchanged_width_and_height_are_those_of_the_ics_file():
    image = picture(12)
    stream = encode_ljpeg(image.reshape(WIDTH, HEIGHT))
    np.testing.assert_array_equal(decode_ljpeg(stream, HEIGHT, WIDTH, 12), image)


def test_largest_difference():
    image = np.full((HEIGHT, WIDTH), 32768, np.uint16)
    image[1::2] = 0  # 32768 is coded without extra bits, T.81 table H.2
    np.testing.assert_array_equal(
        decode_ljpeg(encode_ljpeg(image, 2), HEIGHT, WIDTH, 16), image
    )


def test_what_follows_the_picture_is_ignored():
    image = picture(12)
    stream = encode_ljpeg(image) + b'\0\0\xff\xd9trailing'
    np.testing.assert_array_equal(decode_ljpeg(stream, HEIGHT, WIDTH, 12), image)


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda s: s[:-2], 'cut short .no end'),
        (lambda s: s[: len(s) // 2], 'cut short .no end'),
        (lambda s: s[:30], 'cut short in its header'),
        (lambda s: b'', 'not a JPEG'),
        (lambda s: b'P5 ' + s, 'not a JPEG'),
        (lambda s: s.replace(b'\xff\xc3', b'\xff\xc0'), 'no lossless JPEG'),
        (lambda s: s[:200] + bytes(300) + s[500:], 'decoded|above the 12 bits'),
    ],
)
def test_damaged_streams(change, message):
    stream = encode_ljpeg(picture(12))
    with pytest.raises(BadStream, match=message):
        decode_ljpeg(change(stream), HEIGHT, WIDTH, 12)


def test_streams_of_another_kind():
    image = picture(12)
    for stream, message in (
        (encode_ljpeg(image, restart=WIDTH), 'restart'),
        (encode_ljpeg(image, point_transform=1), 'point transform 1'),
    ):
        with pytest.raises(BadStream, match=message):
            decode_ljpeg(stream, HEIGHT, WIDTH, 12)
    with pytest.raises(BadStream, match='holds 23 x 37 .* says 23 x 38'):
        decode_ljpeg(encode_ljpeg(image), HEIGHT + 1, WIDTH, 12)


def test_damaged_segments_are_refused_before_gdcm():
    """At such a stream, without its Huffman table, GDCM ends the process."""
    stream = encode_ljpeg(picture(12))
    assert stream.count(b'\xff\xc4') == 1
    for damaged in (
        stream.replace(b'\xff\xc4', b'\xff\xe4'),
        stream.replace(b'\xff\xc4', b'\xff\x00'),
    ):
        with pytest.raises(BadStream, match='damaged|cut short'):
            decode_ljpeg(damaged, HEIGHT, WIDTH, 12)


def test_more_pixels_than_are_read():
    with pytest.raises(BadStream, match='--reading-limit pixels'):
        stream = bytearray(encode_ljpeg(picture(12)))
        at = stream.index(b'\xff\xc3') + 5
        stream[at : at + 4] = b'\xff\xff\xff\xff'
        decode_ljpeg(bytes(stream), 65535, 65535, 12)
