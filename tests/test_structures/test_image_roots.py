"""Which files the names in an annotation file may stand for."""

import os

import pytest

from mammo_plugins.structures import ImageRoots

INSIDE = [
    'a.png',
    'images/a.png',
    './a.png',
    'images/../a.png',
    '..a/b.png',
    'a..b/c.png',
    '...',
    os.fsdecode(b'a\xe9.png'),
    'a' * 255,
    'sub/' + 'b' * 255,
    'a\nb.png',
    ' a.png',
    '~/a.png',
]
OUTSIDE = [
    '../a.png',
    '..',
    'images/../../a.png',
    'a/b/../../../c.png',
    '/etc/passwd',
    '//host/a.png',
    '/',
    '..\\a.png',
    'images\\..\\..\\a.png',
    'C:\\a.png',
    'C:a.png',
    'c:/a.png',
    '\\\\host\\share\\a.png',
    '\\a.png',
    '../data2/a.png',
]
NO_NAMES = [
    '',
    '.',
    './',
    'a/..',
    'a\0b',
    '\ud800',
    'a' * 256,
    'x/' + 'b' * 300,
    'y/' * 3000,
]


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'data').mkdir()
    return tmp_path / 'data'


@pytest.mark.parametrize('name', INSIDE)
def test_names_below_the_root(root, name):
    roots = ImageRoots(root)
    assert roots.fault(name) is None
    # as the file system would find it
    assert os.path.abspath(roots.path(name)) == os.path.abspath(root / name)
    assert roots.path(name).startswith(f'{root}/')


@pytest.mark.parametrize('name', OUTSIDE)
def test_names_that_leave_the_root(root, name):
    for roots in (ImageRoots(root), ImageRoots()):
        assert '--extra-root' in roots.fault(name)


@pytest.mark.parametrize('name', NO_NAMES)
def test_names_of_no_file(root, name):
    assert ImageRoots(root, ['/']).fault(name)


def test_further_roots(root, tmp_path):
    other = tmp_path / 'other'
    roots = ImageRoots(root, [other])
    for name in (
        f'{other}/a.png',
        '../other/a.png',
        'b/../../other/a.png',
        f'{root}/a.png',
        f'{root}/b/../a.png',
    ):
        assert roots.fault(name) is None
        assert os.path.abspath(roots.path(name)) == os.path.abspath(root / name)
    for name in (
        f'{tmp_path}/a.png',
        '../a.png',
        f'{other}2/a.png',
        '../other/../a.png',
        f'{other}/../a.png',
        '..\\other\\a.png',
    ):
        assert roots.fault(name)


def test_roots_of_the_working_directory(root, monkeypatch):
    monkeypatch.chdir(root)
    for roots in (ImageRoots(''), ImageRoots('.')):
        assert roots.fault('../a.png') and roots.fault('/a.png')
        assert roots.fault(f'{root}/a.png') is None and roots.fault('a.png') is None
    assert ImageRoots('').path('b/a.png') == 'b/a.png'


def test_links_are_followed_and_dots_are_not(root, tmp_path):
    """What a link leads to is the user's; '..' behind one stays below the root."""
    (tmp_path / 'far/away').mkdir(parents=True)
    (tmp_path / 'far/a.png').touch()
    (root / 'link').symlink_to(tmp_path / 'far/away')
    roots = ImageRoots(root)
    assert roots.fault('link/a.png') is None
    assert roots.path('link/../a.png') == str(root / 'a.png')
    assert os.path.exists(root / 'link/../a.png')  # the system would leave it


def test_one_folder_is_no_list(root):
    with pytest.raises(ValueError, match='extra_roots'):
        ImageRoots(root, '/data')
