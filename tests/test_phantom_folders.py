"""Each phantom data set has one folder and one set of parameters, wherever it is named."""

import re
import shlex
from pathlib import Path

import pytest
from documented_commands import PAGES, ROOT, as_mammo, commands, shell_lines

from mammo_cli.commands import phantom as command
from mammo_cli.main import NAMES, find, module_of
from mammo_plugins.shipped import PHANTOMS, maker_of
from mammo_plugins.structures import load_coco_exam


def parameters(words):
    """Return the folder of a command that makes phantoms, and what it makes."""
    one, _, rest = find(words)
    args = one.parser('x', 'x').parse_args(rest)
    return args.out.as_posix(), command.config_of(args)


def table():
    """Return {folder: what the page of the phantom says of it}."""
    text = (ROOT / 'docs/explanation/phantom.md').read_text()
    rows = re.findall(r'^\| `(data/\w+)` \| .* \| `(--.*)` \|$', text, re.MULTILINE)
    return dict(
        parameters(['phantom', *words.split(), '--out', folder])
        for folder, words in rows
    )


@pytest.fixture(scope='module')
def documented():
    """(where, words) of all commands of pages, comments of configs and ``--help``."""
    lines = [(path, line) for path in PAGES for _, line in shell_lines(path)]
    for name in NAMES:
        examples = [] if name == 'convert' else [module_of(name).COMMAND.example]
        for text in examples:
            text = text.format(command=f'mammo {name}').replace('\\\n', '')
            lines += [(name, line) for line in text.splitlines()]
    return [
        (where, as_mammo(words))
        for where, line in lines
        for words in commands(line, {})
    ]


def test_parameters_agree(documented):
    made, known = {}, table()
    for where, words in documented:
        if Path(words[0]).stem == 'phantom' and '--help' not in words:
            out, wanted = parameters(words)
            made.setdefault(out, []).append(wanted)
            assert wanted == made[out][0], (where, out)
    assert known == {out: made[out][0] for out in known}


def test_a_missing_phantom_is_made_by_the_command_of_its_error():
    """Also elsewhere; that of another folder names no phantom."""
    for folder, wanted in table().items():
        for root in (folder, f'/my disk/{folder}'):
            words = shlex.split(maker_of(f'{root}/annotations/train.json'))
            assert words[0] == 'mammo'
            assert parameters(words[1:]) == (root, wanted)
    assert set(PHANTOMS) == {Path(folder).name for folder in table()}
    assert 'mammo phantom' not in maker_of('data/phantoms/annotations/train.json')
    with pytest.raises(FileNotFoundError, match='size 256 128 --out none/phantom$'):
        load_coco_exam('none/phantom/annotations/val.json')


def test_what_is_named_is_made(documented):
    """By a command that some page shows."""
    made = {
        words[words.index('--out') + 1]
        for _, words in documented
        if '--out' in words[:-1]
    }
    for path in PAGES:
        for name in re.findall(r'data/phantom\w*', path.read_text()):
            assert name in made, (path, name)
