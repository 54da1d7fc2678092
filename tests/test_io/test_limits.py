"""What a file may hold and take, and how a user raises it."""

import argparse
import struct
import subprocess
import sys
import time
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from dicom_making import make_dataset, make_dicom, ramp, save
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mammo_plugins.io import (
    MammogramError,
    ReadingLimits,
    add_limit_argument,
    read_header,
    read_mammogram,
)
from mammo_plugins.io.limits import VARIABLE, Budget, new_budget

ITEM = struct.pack('<HHI', 0xFFFE, 0xE000, 0)


@pytest.fixture(autouse=True)
def no_limits_of_others(monkeypatch):
    # set first, so that what a test sets is taken away again
    monkeypatch.setenv(VARIABLE, '')


def refusal(path, reader=read_header, **limits):
    with pytest.raises(MammogramError) as caught:
        reader(path, limits=ReadingLimits(**limits))
    return caught.value.reason


def with_sequence(path, data, undefined=False):
    """Write a mammogram with the bytes of a ViewCodeSequence in its header."""
    make_dicom(path)
    written = path.read_bytes()
    length = 2**32 - 1 if undefined else len(data)
    element = struct.pack('<HH2sHI', 0x0054, 0x0220, b'SQ', 0, length) + data
    at = written.index(struct.pack('<HH', 0x7FE0, 0x0010))
    path.write_bytes(written[:at] + element + written[at:])
    return path


def test_pixels(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm', ramp(shape=(60, 50)))
    picture = tmp_path / 'a.png'
    cv2.imwrite(str(picture), ramp(shape=(60, 50)))
    for file in (path, picture):
        for reader in (read_header, read_mammogram):
            assert reader(file, limits=ReadingLimits(pixels=3000))
            reason = refusal(file, reader, pixels=2999)
            assert reason.startswith('more than 2,999 pixels')
            assert '--reading-limit pixels=' in reason


@pytest.mark.parametrize('shape', [(5928, 4728), (6871, 4411), (4096, 3328)])
def test_true_mammograms_are_within_them(shape):
    """Of DDSM's films at 43.5 micrometres and of detectors, in 16 bits."""
    with new_budget() as left:
        left.check_pixels(*shape)
        left.check_bytes(3 * 2 * shape[0] * shape[1])


def test_a_tomosynthesis_of_300_frames_is_within_them(tmp_path):
    frames = []
    for number in range(300):
        frame = Dataset()
        for keyword, inner in dict(
            FrameContentSequence='FrameComments',
            FrameAnatomySequence='FrameLaterality',
            PixelMeasuresSequence='SliceThickness',
            FrameVOILUTSequence='WindowCenter',
            PlanePositionSequence='DepthOfScanField',
        ).items():
            item = Dataset()
            setattr(item, inner, '1')
            setattr(frame, keyword, [item])
        frames.append(frame)
    ds = make_dataset(PerFrameFunctionalGroupsSequence=frames, NumberOfFrames=300)
    assert '300 frames' in refusal(save(ds, tmp_path / 'a.dcm'))


@pytest.mark.parametrize(
    'undefined, limits, shown',
    [(False, {}, '30,000'), (True, dict(items=5000), '5,000')],
)
def test_items(tmp_path, undefined, limits, shown):
    path = with_sequence(tmp_path / 'a.dcm', ITEM * 500_000, undefined)
    began = time.process_time()
    reason = refusal(path, **limits)
    assert time.process_time() - began < 3  # without the limit 10 to 20
    assert reason.startswith(f'more than {shown} elements and items')
    few = with_sequence(tmp_path / 'b.dcm', ITEM * 100)
    assert refusal(few, items=99) and read_header(few, limits=ReadingLimits(items=400))


def test_items_within_items_count_before_they_are_parsed(tmp_path):
    inner = struct.pack('<HH2sHI', 0x0054, 0x0222, b'SQ', 0, 8 * 1000) + ITEM * 1000
    outer = struct.pack('<HHI', 0xFFFE, 0xE000, len(inner)) + inner
    path = with_sequence(tmp_path / 'a.dcm', outer * 2)
    assert 'raise the limit with --reading-limit items=' in refusal(path, items=2000)
    # those within others count again as they are reached
    assert read_header(path, limits=ReadingLimits(items=4200))


def test_deflated_bytes(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm', syntax=DeflatedExplicitVRLittleEndian)
    sound = path.read_bytes()
    meta = 132 + 12 + struct.unpack_from('<I', sound, 140)[0]
    content = zlib.decompress(sound[meta:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(
        content + struct.pack('<HH2sHI', 0x7FE1, 0x10, b'OB', 0, 2**24) + bytes(2**24)
    )
    path.write_bytes(sound[:meta] + packed + packer.flush())
    assert path.stat().st_size < 2**16
    assert read_header(path)
    assert refusal(path, bytes=2**24).startswith('more than 16,777,216 bytes')


def test_bytes_of_a_file(tmp_path):
    path = tmp_path / 'a.tif'
    tifffile.imwrite(path, ramp(shape=(200, 300)))
    assert 'bytes' in refusal(path, read_mammogram, bytes=100_000)
    dicom = make_dicom(tmp_path / 'a.dcm', ramp(shape=(200, 300)))
    assert 'bytes' in refusal(dicom, read_mammogram, bytes=100_000)
    assert read_header(dicom, limits=ReadingLimits(bytes=100_000))


def test_seconds(tmp_path):
    path = with_sequence(tmp_path / 'a.dcm', ITEM * 20_000, undefined=True)
    assert refusal(path, seconds=1e-6).startswith('more than 1e-06 seconds')
    make_dicom(path)
    assert read_header(path, limits=ReadingLimits(seconds=60))


def test_an_error_that_was_swallowed_still_counts():
    left = Budget(ReadingLimits(pixels=10))
    with pytest.raises(Exception):
        left.check_pixels(4, 4)
    assert '10 pixels' in str(left.exceeded)


def test_limits_of_a_command_reach_its_workers():
    parser = argparse.ArgumentParser()
    add_limit_argument(parser)
    parser.parse_args(
        ['--reading-limit', 'pixels=2e8', '--reading-limit', 'seconds=600']
    )
    expected = ReadingLimits(pixels=200_000_000, seconds=600.0)
    assert ReadingLimits.current() == expected
    # a new process has the variables of its parent
    line = f'import os; print(os.environ["{VARIABLE}"])'
    told = subprocess.run(
        [sys.executable, '-c', line], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str(expected)


@pytest.mark.parametrize(
    'written',
    [
        'pixels',
        'pixels=',
        'pixels=many',
        'pixels=-1',
        'pixel=3',
        'seconds=nan',
        'bytes=inf',
        '=1',
    ],
)
def test_what_is_no_limit(written, capsys, monkeypatch):
    parser = argparse.ArgumentParser()
    add_limit_argument(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--reading-limit', written])
    assert 'expected NAME=NUMBER above 0' in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, written)
    with pytest.raises(ValueError, match=f'{VARIABLE}.*expected NAME=NUMBER'):
        ReadingLimits.current()


def test_a_compressed_stream_of_another_size_is_not_decoded(tmp_path):
    _, data = cv2.imencode('.jpg', (ramp(8, shape=(64, 64))).astype(np.uint8))
    data = bytearray(data.tobytes())
    at = data.index(b'\xff\xc0') + 5
    data[at : at + 4] = struct.pack('>HH', 65_000, 65_000)
    path = tmp_path / 'a.jpg'
    path.write_bytes(data)
    for reader in (read_header, read_mammogram):
        assert 'pixels' in refusal(path, reader)


def test_a_damaged_deflated_file_is_told(tmp_path):
    path = make_dicom(tmp_path / 'a.dcm', syntax=DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 60] + b'\xff' * 60)
    assert refusal(path).startswith('cannot be unpacked')
