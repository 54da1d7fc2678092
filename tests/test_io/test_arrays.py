"""NumPy archives, against NumPy's own reader."""

import zipfile

import numpy as np
import pytest

from mammo_plugins.io import read_arrays, write_arrays

ARRAYS = dict(
    levels=np.arange(12, dtype=np.uint16).reshape(3, 4),
    name='é text',
    sum=7,
    none=np.zeros((0, 2)),
)


@pytest.mark.parametrize('level', [1, 6])
def test_numpy_reads_what_is_written(tmp_path, level):
    path = tmp_path / 'new/a.npz'
    write_arrays(path, ARRAYS, level)
    with np.load(path) as found:
        assert set(found) == set(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == np.asarray(array).dtype
    assert [file.name for file in path.parent.iterdir()] == ['a.npz']
    with zipfile.ZipFile(path) as archive:
        assert all(e.compress_type == zipfile.ZIP_DEFLATED for e in archive.infolist())
    assert {name: array.tolist() for name, array in read_arrays(path).items()} == {
        name: np.asarray(array).tolist() for name, array in ARRAYS.items()
    }


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for name in 'ab':
        write_arrays(tmp_path / name, ARRAYS)
    np.savez_compressed(tmp_path / 'c.npz', **ARRAYS)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'c.npz').read_bytes()


def test_nothing_is_left_of_what_cannot_be_written(tmp_path):
    """Objects, which only pickle could hold; an earlier file stays."""
    write_arrays(tmp_path / 'a.npz', dict(a=1))
    with pytest.raises(ValueError, match='[Oo]bject'):
        write_arrays(tmp_path / 'a.npz', dict(a=2, b=np.array([{}])))
    assert read_arrays(tmp_path / 'a.npz')['a'] == 1
    assert [file.name for file in tmp_path.iterdir()] == ['a.npz']


def test_arrays_that_have_to_be_there(tmp_path):
    write_arrays(tmp_path / 'a.npz', dict(a=1, b=2))
    assert set(read_arrays(tmp_path / 'a.npz', ['b', 'a'])) == {'a', 'b'}
    with pytest.raises(ValueError, match='c is missing'):
        read_arrays(tmp_path / 'a.npz', ['a', 'c'])
