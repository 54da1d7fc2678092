"""Files as cells name them, on this computer and on others."""

import pytest

from mammo_plugins.converters import RawFolder
from mammo_plugins.converters.table_files import FileFinder

FILES = (
    'a/1.dcm',
    'a/2.dcm',
    'b/1.dcm',
    'b/Deep/One_L_CC.PNG',
    'c/3.png',
    'c/3.dcm',
    'd/4',
    'd/1.2.840.5',
    'top.dcm',
    'ä/5.dcm',
    'two  blanks.png',
)


@pytest.fixture
def finder(tmp_path):
    for file in FILES:
        (tmp_path / 'mine' / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'mine' / file).touch()
    return FileFinder(RawFolder(tmp_path / 'mine', 'files'))


def found(finder, cell):
    return [file.as_posix() for file in finder.find(cell)]


@pytest.mark.parametrize(
    'cell, file',
    [
        ('a/1.dcm', 'a/1.dcm'),
        ('a\\1.dcm', 'a/1.dcm'),
        ('./a/1.dcm', 'a/1.dcm'),
        ('.\\a\\1.dcm', 'a/1.dcm'),
        ('../mine/a/1.dcm', 'a/1.dcm'),
        ('a/./1.dcm', 'a/1.dcm'),
        ('b/../a/1.dcm', 'a/1.dcm'),
        ('a//1.dcm', 'a/1.dcm'),
        (' a/1.dcm  ', 'a/1.dcm'),
        ('"a/1.dcm"', 'a/1.dcm'),
        ('A/1.DCM', 'a/1.dcm'),
        ('mine/a/1.dcm', 'a/1.dcm'),
        ('2.dcm', 'a/2.dcm'),
        ('downloads/other/a/2.dcm', 'a/2.dcm'),
        ('one_l_cc.png', 'b/Deep/One_L_CC.PNG'),
        ('deep\\one_l_cc', 'b/Deep/One_L_CC.PNG'),
        ('a/1', 'a/1.dcm'),
        ('a/1.DICOM', 'a/1.dcm'),
        ('c/3.png', 'c/3.png'),
        ('d/4.dcm', 'd/4'),
        ('1.2.840.5', 'd/1.2.840.5'),
        ('1.2.840.5.dcm', 'd/1.2.840.5'),
        ('a\u0308/5.dcm', 'ä/5.dcm'),  # in two characters, as macOS writes it
        ('two blanks.png', 'two  blanks.png'),
        ('D:\\data\\a\\1.dcm', 'a/1.dcm'),
        ('D:/data/mine/b/deep/one_L_CC.png', 'b/Deep/One_L_CC.PNG'),
        ('\\\\server\\share\\a\\2.dcm', 'a/2.dcm'),
        ('/home/other/a/2.dcm', 'a/2.dcm'),
        ('/home/other/a/2', 'a/2.dcm'),
        ('D:\\data\\top.dcm', 'top.dcm'),
    ],
)
def test_one_file(finder, cell, file):
    assert found(finder, cell) == [file]


def test_absolute_path_in_the_folder(finder, tmp_path):
    assert found(finder, str((tmp_path / 'mine/b/1.dcm').resolve())) == ['b/1.dcm']


@pytest.mark.parametrize(
    'cell, files',
    [
        ('1.dcm', ['a/1.dcm', 'b/1.dcm']),
        ('1', ['a/1.dcm', 'b/1.dcm']),
        ('c/3', ['c/3.dcm', 'c/3.png']),
        ('x/1.dcm', []),  # not the 1.dcm of another folder
        ('D:\\data\\x\\2.dcm', []),
        ('x/top.dcm', []),
        ('2.png', []),  # nor a picture of that name
        ('a/11.dcm', []),
        ('', []),
    ],
)
def test_several_files_or_none(finder, cell, files):
    assert found(finder, cell) == files


def test_near_names(finder):
    assert finder.near('D:\\x\\2.dcm') == ['a/2.dcm']
    assert finder.near('x/one_L_C.png') == ['b/Deep/One_L_CC.PNG']
    assert finder.near('nothing like it') == []
