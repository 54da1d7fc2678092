"""The command line that the converters share."""

import errno

import pytest

from mammo_cli.conversion import DataSet
from mammo_plugins.converters import Catalogue, ConversionError, Converter, Split
from mammo_plugins.io import write_json


class Plain(Converter):
    name = 'plain'

    def catalogue(self, raw):
        return Catalogue()


class Parted(Plain):
    official_split = True


class WithOption(Parted):
    def configure(self, args):
        self.official_split = args.parts
        if str(args.raw) == 'wrong':
            raise ConversionError('wrong: not a table')


PLAIN, PARTED, WITH_OPTION = (
    DataSet('', 'Convert.', '{command} raw --out out', *more)
    for more in (
        (),
        (True,),
        (
            True,
            None,
            lambda parser: parser.add_argument('--parts', action='store_true'),
        ),
    )
)
CONVERTERS = {PLAIN: Plain, PARTED: Parted, WITH_OPTION: WithOption}


@pytest.fixture(autouse=True)
def _made_converters(monkeypatch):
    monkeypatch.setattr(DataSet, 'make', lambda self: CONVERTERS[self]())


def convert(data_set, *options):
    data_set.command().start(options, 'x.py')


@pytest.fixture
def run(monkeypatch):
    """Run a command without its conversion and return what that was given."""

    def run(data_set, *options):
        given = []

        def convert_none(*args):
            given.extend(args)
            return dict(dataset='x', parts={'train': {}}, skipped={}, notes=[])

        monkeypatch.setattr('mammo_plugins.converters.convert', convert_none)
        convert(data_set, *options)
        return given

    return run


def test_split_by_default_and_by_choice(run):
    options = 'raw', '--out', 'out'
    assert run(PLAIN, *options)[3] == Split('ratio', val_share=0.0)
    assert run(PARTED, *options)[3] == Split('official')
    assert run(PARTED, *options, '--split', 'ratio')[3].kind == 'ratio'
    folds = run(PLAIN, *options, '--split', 'kfold', '--folds', '10')[3]
    assert (folds.kind, folds.folds) == ('kfold', 10)
    folds = run(PLAIN, *options, '--split', 'kfold', '--val-folds', '2')[3]
    assert folds.val_folds == 2
    for wrong in (('--split', 'official'), ('--val-folds', '4')):
        with pytest.raises(SystemExit):
            run(PLAIN, *options, *wrong)


def test_options_of_one_converter(run, capsys):
    options = 'raw', '--out', 'out'
    # known only once its option is read
    assert run(WITH_OPTION, *options)[3].kind == 'ratio'
    assert run(WITH_OPTION, *options, '--parts')[3].kind == 'official'
    split = run(WITH_OPTION, *options, '--parts', '--split', 'kfold')[3]
    assert split.kind == 'kfold'
    with pytest.raises(SystemExit) as stopped:
        run(WITH_OPTION, 'wrong', '--out', 'out')
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith('error: wrong: not a table\n')
    with pytest.raises(SystemExit):
        run(PLAIN, *options, '--parts')


@pytest.mark.parametrize('out', ['raw', 'raw/out', './raw/../raw/a/b'])
def test_output_in_the_raw_folder(run, out, capsys):
    """Its link to the raw folder would make the next search go round in circles."""
    with pytest.raises(SystemExit) as stopped:
        run(PLAIN, 'raw', '--out', out)
    assert stopped.value.code == 2
    assert 'choose a folder beside it' in capsys.readouterr().err


def test_raw_folder_in_the_output(run):
    assert run(PLAIN, 'data/mine/dicom', '--out', 'data/mine')


@pytest.mark.parametrize(
    'error, status, said',
    [
        (
            KeyboardInterrupt(),
            130,
            'out: interrupted; the same command resumes from here',
        ),
        (
            OSError(errno.ENOSPC, 'No space left on device', '/d/a.npz'),
            2,
            '/d/a.npz: cannot be written: No space left on device',
        ),
    ],
)
def test_a_conversion_that_ends_early(monkeypatch, capsys, error, status, said):

    def fail(*args):
        raise error

    monkeypatch.setattr('mammo_plugins.converters.convert', fail)
    with pytest.raises(SystemExit) as stop:
        convert(PLAIN, 'raw', '--out', 'out')
    assert stop.value.code == status
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_what_is_there_already_is_said(run, tmp_path, capsys):
    (tmp_path / 'out').mkdir()
    run(PLAIN, str(tmp_path), '--out', str(tmp_path.parent / 'other'))
    assert 'holds' not in capsys.readouterr().out
    write_json(
        tmp_path / 'out/summary.json',
        dict(dataset='plain', parts=dict(train=dict(views=7), test=dict(views=4))),
    )
    run(PLAIN, 'raw', '--out', str(tmp_path / 'out'))
    assert 'holds 2 parts of plain, 11 views' in capsys.readouterr().out
