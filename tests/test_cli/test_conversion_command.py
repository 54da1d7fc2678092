"""The command line that the converters share."""
import errno
import sys

import pytest

from mammo_plugins.cli import conversion
from mammo_plugins.converters import Catalogue, ConversionError, Converter, Split
from mammo_plugins.io import write_json


class Plain(Converter):
    name = 'plain'

    def catalogue(self, raw):
        return Catalogue()


class Parted(Plain):
    official_split = True


class WithOption(Parted):

    def add_arguments(self, parser):
        parser.add_argument('--parts', action='store_true', help='it has parts')

    def configure(self, args):
        self.official_split = args.parts
        if str(args.raw) == 'wrong':
            raise ConversionError('wrong: not a table')


@pytest.fixture
def run(monkeypatch):
    """Run a command without its conversion and return what that was given."""

    def run(converter, *options):
        given = []

        def convert(*args):
            given.extend(args)
            return dict(dataset='x', parts={'train': {}}, skipped={}, notes=[])

        monkeypatch.setattr(conversion, 'convert', convert)
        monkeypatch.setattr(sys, 'argv', ['x.py', *options])
        conversion.main(converter, 'Convert.', 'x.py raw --out out')
        return given

    return run


def test_split_by_default_and_by_choice(run):
    options = 'raw', '--out', 'out'
    assert run(Plain(), *options)[3] == Split('ratio', val_share=0.)
    assert run(Parted(), *options)[3] == Split('official')
    assert run(Parted(), *options, '--split', 'ratio')[3].kind == 'ratio'
    folds = run(Plain(), *options, '--split', 'kfold', '--folds', '10')[3]
    assert (folds.kind, folds.folds) == ('kfold', 10)
    folds = run(Plain(), *options, '--split', 'kfold', '--val-folds', '2')[3]
    assert folds.val_folds == 2
    for wrong in (('--split', 'official'), ('--val-folds', '4')):
        with pytest.raises(SystemExit):
            run(Plain(), *options, *wrong)


def test_options_of_one_converter(run, capsys):
    options = 'raw', '--out', 'out'
    # known only once its option is read
    assert run(WithOption(), *options)[3].kind == 'ratio'
    assert run(WithOption(), *options, '--parts')[3].kind == 'official'
    split = run(WithOption(), *options, '--parts', '--split', 'kfold')[3]
    assert split.kind == 'kfold'
    with pytest.raises(SystemExit) as stopped:
        run(WithOption(), 'wrong', '--out', 'out')
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith('error: wrong: not a table\n')
    with pytest.raises(SystemExit):
        run(Plain(), *options, '--parts')


@pytest.mark.parametrize('out', ['raw', 'raw/out', './raw/../raw/a/b'])
def test_output_in_the_raw_folder(run, out, capsys):
    """Its link to the raw folder would make the next search go round in circles."""
    with pytest.raises(SystemExit) as stopped:
        run(Plain(), 'raw', '--out', out)
    assert stopped.value.code == 2
    assert 'choose a folder beside it' in capsys.readouterr().err


def test_raw_folder_in_the_output(run):
    assert run(Plain(), 'data/mine/dicom', '--out', 'data/mine')


@pytest.mark.parametrize('error, status, said', [
    (KeyboardInterrupt(), 130, 'out: interrupted; the same command goes on from here'),
    (OSError(errno.ENOSPC, 'No space left on device', '/d/a.npz'), 2,
     '/d/a.npz: cannot be written: No space left on device'),
])
def test_a_conversion_that_ends_early(monkeypatch, capsys, error, status, said):

    def convert(*args):
        raise error

    monkeypatch.setattr(conversion, 'convert', convert)
    monkeypatch.setattr(sys, 'argv', ['x.py', 'raw', '--out', 'out'])
    with pytest.raises(SystemExit) as stop:
        conversion.main(Plain(), 'Convert.', 'x.py raw --out out')
    assert stop.value.code == status
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_what_is_there_already_is_said(run, tmp_path, capsys):
    (tmp_path / 'out').mkdir()
    run(Plain(), str(tmp_path), '--out', str(tmp_path.parent / 'other'))
    assert 'holds' not in capsys.readouterr().out
    write_json(tmp_path / 'out/summary.json', dict(
        dataset='plain', parts=dict(train=dict(views=7), test=dict(views=4))))
    run(Plain(), 'raw', '--out', str(tmp_path / 'out'))
    assert 'holds 2 parts of plain, 11 views' in capsys.readouterr().out
