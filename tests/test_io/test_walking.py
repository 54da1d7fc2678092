"""Folders with links, searched once."""

import os
import socket

import pytest

from mammo_plugins.io import walk_folder


def names(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('')
    return path


def reasons(root):
    return {
        path.relative_to(root).as_posix(): reason
        for path, reason in walk_folder(root).left_out
    }


def test_plain_folder_is_what_a_recursive_glob_finds(tmp_path):
    for name in ('b/2.dcm', 'b/1.dcm', 'a/x/y/z.png', 'top.csv'):
        touch(tmp_path / name)
    walked = walk_folder(tmp_path)
    assert walked.files == sorted(p for p in tmp_path.rglob('*') if p.is_file())
    assert not walked.left_out and not walked.hidden


def test_a_linked_folder_outside_is_followed(tmp_path):
    touch(tmp_path / 'store/exam/1.dcm')
    root = tmp_path / 'root'
    root.mkdir()
    (root / 'exam').symlink_to(tmp_path / 'store/exam')
    walked = walk_folder(root)
    assert names(root, walked.files) == ['exam/1.dcm']
    assert not walked.left_out


def test_the_root_may_be_a_link(tmp_path):
    touch(tmp_path / 'store/1.dcm')
    (tmp_path / 'root').symlink_to(tmp_path / 'store')
    assert walk_folder(tmp_path / 'root').files == [tmp_path / 'root/1.dcm']


@pytest.mark.parametrize('target', ['..', '.', '../..', '../../root'])
def test_a_loop_is_named_and_not_followed(tmp_path, target):
    root = tmp_path / 'root'
    touch(root / 'exam/1.dcm')
    (root / 'exam/again').symlink_to(target)
    walked = walk_folder(root)
    assert names(root, walked.files) == ['exam/1.dcm']
    assert list(reasons(root)) == ['exam/again']


def test_a_link_to_a_folder_above_the_root_is_a_loop(tmp_path):
    """Followed, it would bring exams that were not asked for."""
    touch(tmp_path / 'data/exam1/a.dcm')
    touch(tmp_path / 'data/exam2/b.dcm')
    (tmp_path / 'data/exam1/up').symlink_to('..')
    (tmp_path / 'data/exam1/disk').symlink_to('/')
    root = tmp_path / 'data/exam1'
    assert names(root, walk_folder(root).files) == ['a.dcm']
    assert sorted(reasons(root)) == ['disk', 'up']


def test_two_links_to_one_folder_give_its_files_once(tmp_path):
    touch(tmp_path / 'store/1.dcm')
    root = tmp_path / 'root'
    root.mkdir()
    for name in 'ba':
        (root / name).symlink_to(tmp_path / 'store')
    assert names(root, walk_folder(root).files) == ['a/1.dcm']
    assert list(reasons(root)) == ['b']


def test_a_folder_goes_before_links_to_it(tmp_path):
    touch(tmp_path / 'z/1.dcm')
    (tmp_path / 'a').symlink_to('z')
    assert names(tmp_path, walk_folder(tmp_path).files) == ['z/1.dcm']
    assert list(reasons(tmp_path)) == ['a']


def test_links_to_each_other_end(tmp_path):
    touch(tmp_path / 'a/1.dcm')
    touch(tmp_path / 'b/2.dcm')
    (tmp_path / 'a/b').symlink_to('../b')
    (tmp_path / 'b/a').symlink_to('../a')
    assert names(tmp_path, walk_folder(tmp_path).files) == ['a/1.dcm', 'b/2.dcm']
    assert sorted(reasons(tmp_path)) == ['a/b', 'b/a']


def test_dead_links_are_named(tmp_path):
    touch(tmp_path / '1.dcm')
    (tmp_path / 'gone.dcm').symlink_to('nowhere')
    (tmp_path / 'self').symlink_to('self')
    assert reasons(tmp_path) == {
        'gone.dcm': 'link that leads nowhere',
        'self': 'link that leads nowhere',
    }


def test_linked_files_are_files(tmp_path):
    touch(tmp_path / '1.dcm')
    (tmp_path / '2.dcm').symlink_to('1.dcm')
    assert names(tmp_path, walk_folder(tmp_path).files) == ['1.dcm', '2.dcm']


def test_hidden_names_are_counted(tmp_path):
    for name in ('.DS_Store', '._1.dcm', '.git/x', '1.dcm'):
        touch(tmp_path / name)
    walked = walk_folder(tmp_path)
    assert names(tmp_path, walked.files) == ['1.dcm'] and walked.hidden == 3


def test_what_is_no_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('s')
        assert reasons(tmp_path) == {'s': 'neither file nor folder'}


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path / 'closed/1.dcm')
    touch(tmp_path / 'open/2.dcm')
    scan = os.scandir

    def scandir(path):
        if os.fspath(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied')
        return scan(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    assert names(tmp_path, walk_folder(tmp_path).files) == ['open/2.dcm']
    assert reasons(tmp_path) == {'closed': 'folder or file that cannot be read'}


def test_no_folder(tmp_path):
    with pytest.raises(NotADirectoryError, match='no such folder'):
        walk_folder(tmp_path / 'no')
