"""Every command that is written anywhere is one that its parser takes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import PAGES, ROOT, as_mammo, commands, shell_lines

from mammo_cli.commands.convert import DATA_SETS
from mammo_cli.main import NAMES, every_command, find, first_line, module_of


def number(kind):
    """Return a type that takes a word in capitals for a number."""
    return lambda word: kind(1 if word.isupper() else re.sub(r'\{.*\}', '1', word))


def check(words: list[str]) -> None:
    """Parse a command; words in capitals stand for what a user has.

    Raises:
        SystemExit: If it is none of ours, or wrong.
    """
    words = as_mammo(words)
    if words[-1] in ('--help', '--version'):
        return
    one, _, rest = find(words)
    parser = one.parser('x', 'x')
    for action in parser._actions:
        if action.type in (int, float):
            action.type = number(action.type)
    parser.parse_args(rest)


@pytest.mark.parametrize('path', PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_are_right(path, capsys):
    wrong, variables = [], {}
    for line, text in shell_lines(path):
        for words in commands(text, variables):
            try:
                check(words)
            except SystemExit:
                wrong.append(
                    f'{path.relative_to(ROOT)}:{line}: {" ".join(words)}: '
                    + capsys.readouterr().err.strip().splitlines()[-1]
                )
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize(
    'text, found',
    [
        ('mammo train A --amp  # a comment', [['mammo', 'train', 'A', '--amp']]),
        (
            'A=1 B=2 python tools/train.py C && mammo doctor > x.txt',
            [['python', 'tools/train.py', 'C'], ['mammo', 'doctor']],
        ),
        (
            'O="--a=1 --b=2"; mammo test $O $P',
            [['mammo', 'test', '--a=1', '--b=2', '$P']],
        ),
        (
            'mammo train A [--resume] [--cfg-options key=value ...]',
            [['mammo', 'train', 'A', '--resume', '--cfg-options', 'key=value']],
        ),
        (
            'mammo train A --cfg-options a="[1,$(python -c "print(round(1-$w,1))")]"',
            [['mammo', 'train', 'A', '--cfg-options', 'a=[1,X]']],
        ),
        (
            'srun --kill-on-bad-exit=1 python -u tools/train.py A --launcher slurm',
            [['python', 'tools/train.py', 'A', '--launcher', 'slurm']],
        ),
        ('pip install -e . ; mammoth x; python tools.py', []),
    ],
)
def test_commands_are_found(text, found):
    assert [*commands(text, {})] == found


def test_blocks_are_read(tmp_path):
    page = tmp_path / 'a.md'
    page.write_text(
        'mammo a\n```bash\nmammo b \\\n  c\n\nmammo "d\ne"\n```\n'
        '```python\nmammo f\n```\n'
    )
    assert [each for each in shell_lines(page) if each[1]] == [
        (3, 'mammo b   c'),
        (6, 'mammo "de"'),
    ]
    config = tmp_path / 'a.py'
    config.write_text('# Text:\n#     mammo a \\\n#         b\nc = 1  #     d\n')
    assert [each for each in shell_lines(config) if each[1]] == [(2, 'mammo a     b')]


@pytest.mark.parametrize(
    'text, right',
    [
        ('tools/dist_train.sh CONFIG 8 --amp', True),
        ('tools/dist_train.sh CONFIG', False),
        ('tools/dist_test.sh CONFIG CHECKPOINT N', True),
        ('GPUS=16 tools/slurm_train.sh P NAME CONFIG DIR --resume', True),
        ('tools/slurm_train.sh P NAME CONFIG', False),
        ('mammo train CONFIG --gpus N', True),
        ('mammo train CONFIG --gpu-s 8', False),
        ('python -m mammo_cli phantom --exams N --out DIR', True),
        ('python tools/dataset_converters/phantom.py --out data/phantom', False),
        ('python tools/none.py', False),
        ('mammo infer --help', True),
    ],
)
def test_commands_are_judged(text, right):
    (words,) = commands(text, {})
    if right:
        check(words)
    else:
        with pytest.raises((SystemExit, IndexError, ValueError)):
            check(words)


def test_the_page_of_commands_has_all():
    rows = re.findall(
        r'^\| `mammo ([^`]*)` \| `(.*)` \| (.*) \|$',
        (ROOT / 'docs/reference/commands.md').read_text(),
        re.MULTILINE,
    )
    found = {name.split()[0]: (tool, what) for name, tool, what in rows}
    assert [*found] == [*NAMES]
    for name in NAMES:
        module = module_of(name)
        tool = 'tools/dataset_converters/' if name == 'convert' else module.COMMAND.tool
        assert found[name] == (tool, first_line(module))


def test_data_sets_are_on_the_page():
    text = (ROOT / 'docs/reference/commands.md').read_text()
    for name in DATA_SETS:
        assert f'`{name}`' in text, name


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of all a source file says, also in comments."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if '  # ' in line or line.lstrip().startswith('# '):
            yield number, line.rpartition('# ')[2]


SOURCES = [
    path
    for folder in ('mammo_plugins', 'mammo_cli')
    for path in (ROOT / folder).rglob('*.py')
    if '.mim' not in path.parts
]


def test_nothing_names_a_script_that_an_installed_package_lacks():
    """A text that is a path and no more is what a script is started by."""
    wrong = [
        f'{path.relative_to(ROOT)}:{line}: {found[0]}: name the command, mammo ...'
        for path in SOURCES
        for line, text in texts(path)
        for found in [re.search(r'tools/(\w+/)*(\w+\.(py|sh)|dataset_con\w*)', text)]
        if found and not re.fullmatch(r'tools/[\w/]+(\.py)?', text)
    ]
    assert not wrong, '\n'.join(wrong)


def test_commands_that_messages_name_are_there():
    known = {*NAMES, 'downloads'}  # 'mammo downloads nothing'
    wrong = [
        f'{path.relative_to(ROOT)}:{line}: mammo {found}'
        for path in SOURCES
        for line, text in texts(path)
        for found in re.findall(r'(?<![=\w])mammo ([a-z][a-z-]+)', text)
        if found not in known and 'default_scope' not in text
    ]
    assert not wrong, '\n'.join(wrong)


def test_scripts_say_what_commands_say():
    for name, one in every_command().items():
        said = ast.get_docstring(ast.parse((ROOT / one.tool).read_text()))
        data_set = DATA_SETS.get(name.removeprefix('convert '))
        assert said == (
            data_set.description if data_set else first_line(module_of(name))
        )
