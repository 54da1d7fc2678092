"""The commands that pages and configs show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob('*.md'),
    *ROOT.glob('docs/**/*.md'),
    *ROOT.glob('configs/**/*.md'),
    *ROOT.glob('configs/**/*.py'),
]
LAUNCHERS = ('exec', 'nice', 'nohup', 'srun', 'time', 'timeout')
STARTS = ('python tools/', 'tools/', 'mammo ', 'python -m mammo_cli ')


def shell_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, command line) of the shell blocks of a page, or a config's comments.

    A line that ends in a backslash is joined with the next.
    """
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.md':
        inside, lines = False, []
        for line in text.splitlines():
            if line.lstrip().startswith('```'):
                inside = line.strip() in ('```bash', '```sh', '```shell', '```console')
                line = ''
            lines.append(line if inside else '')
    else:  # four spaces in
        lines = [
            line[6:] if line.startswith('#     ') else '' for line in text.splitlines()
        ]
    number, joined = 0, ''
    for i, line in enumerate(lines, 1):
        joined, number = f'{joined}{line}', number or i
        if joined.endswith('\\'):
            joined = joined[:-1]
        elif joined.count('"') % 2 == 0:  # else a text goes on
            yield number, joined
            number, joined = 0, ''


SUBSTITUTION = r'\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)'


def commands(line: str, variables: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of each of our commands in a command line.

    Args:
        line (str): The line; what stands in [] may be left out.
        variables (dict[str, str]): Of the shell; what the line sets is added.
    """
    line = re.sub(SUBSTITUTION, 'X', line.removeprefix('$ '))
    line = re.sub(r' \[(-[^]]*?)(?: \.\.\.)?\]', r' \1', line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ';']:
        if not re.fullmatch('[;&|()<>]+', word):
            words += variables[word[1:]].split() if word[1:] in variables else [word]
            continue
        while words and re.fullmatch(r'\w+=.*', words[0]):
            name, _, value = words.pop(0).partition('=')
            variables[name] = value
        if words and words[0] in LAUNCHERS:
            words = words[
                next(
                    (
                        i
                        for i, each in enumerate(words)
                        if each in ('python', 'mammo') or each.startswith('tools/')
                    ),
                    0,
                ) :
            ]
        if words[:2] == ['python', '-u']:
            del words[1]
        if f'{" ".join(words)} '.startswith(STARTS):
            yield words
        words = []


def as_mammo(words: list[str]) -> list[str]:
    """Return what stands behind ``mammo`` for a command, of a script what it starts."""
    if words[0] == 'python':
        # a page of all converters calls them NAME
        return (
            words[3:]
            if words[1] == '-m'
            else [words[1].replace('NAME.py', 'generic.py'), *words[2:]]
        )
    if words[0] == 'mammo':
        return words[1:]
    name, given = Path(words[0]).stem, words[1:]
    assert (ROOT / words[0]).is_file(), words[0]
    by, _, command = name.partition('_')
    if by == 'slurm':
        _, _, config, other, *more = given
        return [
            command,
            config,
            *(['--work-dir'] if command == 'train' else []),
            other,
            *more,
        ]
    at = dict(train=1, test=2)[command]
    assert given[at].isdigit() or given[at].isupper(), given
    return [command, *given[:at], *given[at + 1 :]]
