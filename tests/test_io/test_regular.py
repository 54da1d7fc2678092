"""What is no file is named at once."""

import os
import signal
import socket

import numpy as np
import pytest

from mammo_plugins.io import (
    IrregularFileError,
    MammogramError,
    file_error,
    file_sha256,
    open_regular,
    read_arrays,
    read_header,
    read_mammogram,
)


@pytest.fixture(autouse=True)
def _never_hang():
    """End a test that waits for a writer."""
    signal.alarm(10)
    yield
    signal.alarm(0)


def fifo(path):
    os.mkfifo(path)


def link_to_fifo(path):
    os.mkfifo(path.with_name('pipe'))
    path.symlink_to(path.with_name('pipe'))


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


THINGS = [
    (fifo, 'a FIFO'),
    (link_to_fifo, 'a FIFO'),
    (unix_socket, 'a socket'),
    (lambda path: path.mkdir(), 'a folder'),
    (lambda path: path.symlink_to('/dev/zero'), 'a device'),
]


@pytest.mark.parametrize('make, kind', THINGS)
def test_what_is_no_file(make, kind, tmp_path):
    path = tmp_path / 'x.dcm'
    make(path)
    for read in (read_mammogram, read_header):
        with pytest.raises(MammogramError, match=f'x.dcm: is {kind}'):
            read(path)
    for read in (open_regular, read_arrays, file_sha256):
        with pytest.raises(IrregularFileError) as error:
            read(path)
        assert file_error(error.value).startswith(f'{path}: is {kind}')


@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='no /proc here')
def test_files_without_a_size(tmp_path):
    """Such as /proc/kmsg, which waits for messages."""
    (tmp_path / 'x.dcm').symlink_to('/proc/self/status')
    with pytest.raises(MammogramError, match='empty file'):
        read_mammogram(tmp_path / 'x.dcm')


def test_data_of_a_header_that_are_a_fifo(tmp_path):
    (tmp_path / 'x.mhd').write_text(
        'ObjectType = Image\nNDims = 2\nDimSize = 4 4\n'
        'ElementType = MET_USHORT\nElementDataFile = x.raw'
    )
    os.mkfifo(tmp_path / 'x.raw')
    with pytest.raises(
        MammogramError, match='x.mhd: its data file .* is missing or not a file'
    ):
        read_mammogram(tmp_path / 'x.mhd')


def test_an_archive_that_inflates_beyond_the_limit(tmp_path):
    np.savez_compressed(tmp_path / 'a.npz', a=np.zeros(10**6, np.uint8))
    assert read_arrays(tmp_path / 'a.npz')['a'].shape == (10**6,)
    with pytest.raises(ValueError, match='inflated'):
        read_arrays(tmp_path / 'a.npz', most=10**6)


def test_hash_of_a_file(tmp_path):
    """The example of FIPS 180-4."""
    (tmp_path / 'a').write_bytes(b'abc')
    assert file_sha256(tmp_path / 'a') == (
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    )
