"""The command ``mammo``: every part of it answers without the libraries."""

import argparse
import json
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_cli.command import Command
from mammo_cli.main import GROUPS, NAMES, every_command, main, whole_parser

ROOT = Path(__file__).parents[2]
COMMANDS = every_command()
TOOLS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob('tools/**/*.py'))
HEAVY = ('mammo_plugins', 'torch', 'mmengine', 'numpy', 'cv2', 'pydicom', 'matplotlib')
# all calls in one process, which says what they have imported
CALLS = """
import contextlib, io, json, runpy, sys
from mammo_cli.main import main
found = []
for words in json.load(sys.stdin):
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            if words[0] == 'mammo':
                main(words[1:])
            else:
                sys.argv = words
                runpy.run_path(words[0], run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
    found.append((code, printed.getvalue()))
print(json.dumps([found, sorted(sys.modules)]))
"""


def answers(calls):
    """Return (status, output) of each call and the modules that they have imported."""
    done = subprocess.run(
        [sys.executable, '-c', CALLS],
        cwd=ROOT,
        input=json.dumps(calls),
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found, modules = json.loads(done.stdout)
    return found, set(modules)


def starts():
    return [['mammo', *name.split()] for name in COMMANDS] + [[tool] for tool in TOOLS]


def test_help_of_every_command_and_tool():
    found, modules = answers([[*start, '--help'] for start in starts()])
    assert not modules & set(HEAVY)
    for start, (code, printed) in zip(starts(), found):
        example = printed.rpartition('example:\n')[2]
        assert code == 0 and example.count('  '), start
        assert example.startswith(
            f'  {" ".join(start)}' if start[0] == 'mammo' else f'  python {start[0]}'
        )


def test_wrong_usage_of_every_command_and_tool():
    """An option and a choice that are not there, arguments that are missing."""
    calls, said = [], []
    for start, one in zip(starts(), [*COMMANDS.values(), *map(command_of, TOOLS)]):
        calls.append([*start, *enough(one), '--no-such-option'])
        said.append('unrecognized arguments: --no-such-option')
        actions = parser_of(one)._actions
        if any(action.required for action in actions):
            calls.append(start)
            said.append('the following arguments are required')
        for action in actions:
            if action.choices and action.option_strings:
                calls.append([*start, action.option_strings[0], 'no-such'])
                said.append("invalid choice: 'no-such'")
    found, modules = answers(calls)
    assert not modules & set(HEAVY)
    for call, text, (code, printed) in zip(calls, said, found):
        assert code == 2 and text in printed, (call, printed)


MORE = {
    'infer': ['--nipple-detector', 'configs/mamminet_v2.py', 'a.pth'],
    'blend': ['--compare', 'configs/mamminet_v2.py', 'a.pth'],
}


def test_configs_that_are_not_there():
    """Each config of an example in its turn, by path and by name."""
    calls = []
    for name, one in COMMANDS.items():
        for line in examples(one):
            words = [*line, *MORE.get(name, ())]
            for place in (
                i for i, word in enumerate(words) if word.startswith('configs/')
            ):
                for wrong in (
                    'configs/nafv/nafv-net_cdd-csm.py',
                    'mammo_plugins::nafv/nafv-net_cdd-csm',
                ):
                    with_wrong = [*words[:place], wrong, *words[place + 1 :]]
                    calls += [
                        ['mammo', *name.split(), *with_wrong],
                        [one.tool, *with_wrong],
                    ]
    called = {call[1] for call in calls if call[0] == 'mammo'}
    assert called == {
        name
        for name, one in COMMANDS.items()
        if one.configs
        and any(
            action.dest in (*one.configs, 'paths') for action in parser_of(one)._actions
        )
    }
    found, modules = answers(calls)
    assert not modules & set(HEAVY)
    for call, (code, printed) in zip(calls, found):
        last = printed.splitlines()[-1]
        assert code == 2 and last.startswith('error: '), (call, printed)
        assert 'no such config; did you mean ' in last
        assert 'nafv-net_cdd-cesm.py' in last


def examples(one):
    """Return the words of each command line of an example."""
    for line in one.example.replace('\\\n', ' ').split('\n\n')[0].strip().split('\n'):
        name, *words = shlex.split(line.partition(' > ')[0])
        assert name == '{command}'
        yield words


def parser_of(one: Command) -> argparse.ArgumentParser:
    return one.parser('x', 'x')


def command_of(tool):
    return next(one for one in COMMANDS.values() if one.tool == tool)


def enough(one):
    """Return words for all that a command requires."""
    words = []
    for action in parser_of(one)._actions:
        if action.required and action.option_strings:
            number = action.nargs if isinstance(action.nargs, int) else 1
            words += [action.option_strings[0], *['1'] * number]
        elif action.required:
            words = ['1', *words]
    return words


def test_it_takes_little_time():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for words in (
        ['tools/infer.py', '--help'],
        ['-m', 'mammo_cli'],
        ['-m', 'mammo_cli', 'train', 'no.py'],
    ):
        subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_every_tool_is_a_command():
    assert sorted(one.tool for one in COMMANDS.values()) == TOOLS
    assert len(NAMES) == len(set(NAMES))
    for title, names in GROUPS.items():
        assert title and names


@pytest.mark.parametrize('name', COMMANDS)
def test_examples_are_right(name):
    """Each example of a command line is one that its parser takes."""
    for words in examples(COMMANDS[name]):
        parser_of(COMMANDS[name]).parse_args(words)


@pytest.mark.parametrize(
    'words, status, said',
    [
        ([], 2, 'usage: mammo COMMAND'),
        (['--help'], 0, 'usage: mammo COMMAND'),
        (['-h'], 0, 'train  '),
        (['trian'], 2, 'trian: no such command; did you mean train?'),
        (['xyzzy'], 2, 'no such command; mammo --help lists'),
        (['convert'], 2, 'vindr-mammo'),
        (['convert', '--help'], 0, 'vindr-mammo'),
        (['convert', 'vindr'], 2, 'no such data set; did you mean vindr-mammo'),
        (
            ['convert', 'qq'],
            2,
            'no such data set; mammo convert --help lists the data ',
        ),
        (['tools/none.py'], 2, 'tools/none.py: no such command'),
        (
            ['tools/dataset_converters/rsna.py', '--help'],
            0,
            'usage: mammo convert rsna ',
        ),
        (['\x1b[2J'], 2, '\\x1b[2J: no such command'),
    ],
)
def test_words_that_are_no_command(words, status, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert (stop.value.code or 0) == status
    printed = capsys.readouterr()
    assert said in (printed.err if status else printed.out)
    assert not (printed.out if status else printed.err) and '\x1b' not in printed.err


@pytest.mark.parametrize(
    'words', [['--help'], ['config'], ['convert', '--help'], ['train', '--help']]
)
def test_a_reader_that_has_seen_enough(words):
    """As head; nothing is said of it."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'mammo_cli', *words],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait(30)) == ('', 0)


def test_version(capsys):
    from mammo_plugins import __version__

    with pytest.raises(SystemExit):
        main(['--version'])
    assert capsys.readouterr().out == f'{__version__}\n'


def test_one_parser_of_all_for_completion():
    """Which shells complete by; every command is reached."""
    inner = whole_parser()._subparsers._group_actions[0].choices
    assert set(inner) == {name.split()[0] for name in COMMANDS} == set(NAMES)
    sets = inner['convert']._subparsers._group_actions[0].choices
    assert {f'convert {name}' for name in sets} <= set(COMMANDS)
    options = {
        option for action in inner['infer']._actions for option in action.option_strings
    }
    assert '--score-thr' in options


def test_configs_are_listed_by_paper(capsys):
    main(['config'])
    printed = capsys.readouterr().out
    paths = [
        path.relative_to(ROOT / 'configs')
        for path in ROOT.glob('configs/**/*.py')
        if '_base_' not in path.parts
    ]
    blocks = printed.split('\n\n')[1:]
    assert len(blocks) == 1 + len(list(ROOT.glob('configs/*/metafile.yml')))
    listed = {}
    for block in blocks:
        title, *lines = block.splitlines()
        for line in lines:
            name, _, summary = line.strip().partition('  ')
            assert summary.strip()
            listed[name] = title
    assert set(listed) == set(map(str, paths))
    assert 'NaFV-Net: An Adversarial Four-view' in listed['nafv/ablation.py']


@pytest.mark.parametrize(
    'words',
    [
        ['train', 'configs/mamminet_v2.py', '--gpus', '8', '--amp'],
        ['test', 'configs/mamminet_v2.py', 'a.pth', '--gpus=8'],
    ],
)
def test_processes_are_started_as_by_the_scripts(words, monkeypatch):
    """The same launcher, with the words that it gives each process."""
    from mammo_plugins.engine import launch

    started = []
    monkeypatch.setattr('os.execv', lambda path, words: started.append(words) or exit())
    monkeypatch.delenv('TORCHELASTIC_RUN_ID', raising=False)
    monkeypatch.setenv('PYTHONPATH', '')
    with pytest.raises(SystemExit):
        main(words)
    ((python, _, module, *rest),) = started
    assert python == sys.executable and module == 'mammo_plugins.engine.launch'
    read = launch.parse_args(rest)
    assert (read.standalone, read.nproc_per_node, read.module) == (True, '8', True)
    assert read.training_script == 'mammo_cli'
    assert read.training_script_args == [*words, '--launcher', 'pytorch']


@pytest.mark.parametrize(
    'words',
    [
        ['--gpus', '1', '--launcher', 'none'],  # what openmim adds
        ['--gpus=1'],
        [],
    ],
)
def test_one_process_is_this_one(words, monkeypatch):
    reached = []
    monkeypatch.setattr('os.execv', lambda *_: pytest.fail('another was started'))
    monkeypatch.setattr(
        'mammo_cli.commands.train.prepare_run', lambda args: reached.append(1) or exit()
    )
    with pytest.raises(SystemExit):
        main(['train', str(ROOT / 'configs/mamminet_v2_phantom.py'), *words])
    assert reached


@pytest.mark.parametrize(
    'words, said',
    [
        (['--gpus', '0'], '--gpus 0: expected at least 1'),
        (['--gpus', '2', '--launcher', 'slurm'], 'the launcher starts'),
    ],
)
def test_numbers_of_gpus_that_cannot_be(words, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(['train', 'configs/mamminet_v2.py', *words])
    assert stop.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(
    'written, said',
    [
        ('a=(1,2', 'Imbalanced brackets'),
        ('a', "'a' is not key=value"),
        ('=3', 'an empty name before ='),
    ],
)
def test_options_that_cannot_be_read(written, said):
    (found,), modules = answers(
        [['mammo', 'train', 'configs/mamminet_v2.py', '--cfg-options', written]]
    )
    assert found[0] == 2 and said in found[1] and not modules & set(HEAVY)
