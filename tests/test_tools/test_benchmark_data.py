"""The benchmark of data runs, and counts what it says."""

import re

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1

from mammo_plugins.apis.data_benchmark import SYNTAXES, recoded
from mammo_plugins.io import read_mammogram


def test_it_compares_three_ways(phantom_root, run_tool):
    done = run_tool(
        'tools/analysis_tools/benchmark_data.py',
        'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py',
        '--samples',
        '3',
        '--repeats',
        '1',
        '--cfg-options',
        f'train_dataloader.dataset.data_root={phantom_root}/',
    )
    assert done.returncode == 0, done.err
    assert '3 samples of 1 images' in done.out
    kinds = re.findall(r'^ (\w.*), first image', done.out, re.MULTILINE)
    assert kinds == ['uncompressed', 'JPEG lossless', 'JPEG 2000 lossless']
    rates = [float(rate) for rate in re.findall(r'([\d.]+) samples/s', done.out)]
    ratios = [
        float(ratio) for ratio in re.findall(r'([\d.]+) x$', done.out, re.MULTILINE)
    ]
    assert len(rates) == len(ratios) == 9 and min(rates) > 0
    for i, (rate, ratio) in enumerate(zip(rates, ratios)):
        # both are printed to two digits
        assert abs(rate / rates[i // 3 * 3] - ratio) < 0.01 + 0.02 * ratio


@pytest.mark.parametrize('name', SYNTAXES)
def test_files_are_written_anew_with_the_same_pixels(name, phantom_root, tmp_path):
    path = next((phantom_root / 'dicom').rglob('*.dcm'))
    copy = recoded(path, SYNTAXES[name], tmp_path)
    expected = dict(
        zip(SYNTAXES, (ExplicitVRLittleEndian, JPEGLosslessSV1, JPEG2000Lossless))
    )[name]
    assert pydicom.dcmread(copy).file_meta.TransferSyntaxUID == expected
    assert np.array_equal(read_mammogram(copy).pixels, read_mammogram(path).pixels)


def test_a_file_that_cannot_be_written_anew_is_named(tmp_path):
    (tmp_path / 'a.dcm').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='a.dcm: GDCM cannot'):
        recoded(tmp_path / 'a.dcm', SYNTAXES['JPEG lossless'], tmp_path)
