"""The site of docs/: ``python -m sphinx -W -b html docs build/docs``.

Pages are written for GitHub, with links to any file of the repository. A page that begins
with a line that is nothing but a link to a Markdown file takes that file's text: so
READMEs that lie elsewhere are pages of the site, too.
"""

import os
import re
import sys
from pathlib import Path
from pydoc import locate

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

sys.path.insert(0, str(Path(__file__).parents[1]))

import mammo_plugins

project = 'mammo_plugins'
author = 'The mammo_plugins authors'
copyright = author
release = version = mammo_plugins.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc']
# README.md is what index.md begins with
exclude_patterns = ['README.md', '_build', '**.ipynb_checkpoints']
source_suffix = {'.md': 'markdown', '.rst': 'restructuredtext'}
myst_heading_anchors = 4
smartquotes = False  # quotes are of code, here

html_theme = 'furo'
html_title = f'mammo_plugins {release}'

autodoc_default_options = {'members': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # docstrings have types, with shapes and units
python_use_unqualified_type_names = True
# what we name of ours is there; other libraries' pages are not at hand
nitpicky = True
nitpick_ignore_regex = [('py:.*', r'(?!mammo_plugins\.).*')]
# tables of results stand under the third level of headings
suppress_warnings = ['myst.header']

STYLE = Config(napoleon_use_ivar=True, napoleon_use_rtype=False)
LINK = re.compile(r'\[([^][]*)\]\(([^()\s#]+)((?:#[^()\s]*)?)\)')
BORROWED = re.compile(r'\A\[[^]]*\]\((\S+\.md)\)\n')


def borrowed(page: Path) -> Path | None:
    """Return the file whose text a page takes, if it takes one."""
    found = BORROWED.match(page.read_text(encoding='utf-8'))
    return (page.parent / found[1]).resolve() if found else None


def on_site(text: str, source: Path, page: Path, pages: dict[Path, Path]) -> str:
    """Rewrite a text's links to where things are on the site.

    Args:
        text (str): Markdown.
        source (Path): The file that it is of.
        page (Path): The page that it is shown in.
        pages (dict[Path, Path]): The pages that show files that lie elsewhere.

    Returns:
        str: The text with as many lines. A link to a folder is one to its README.md, or
            plain text; one to another file of the repository downloads it.
    """

    def moved(found: re.Match) -> str:
        text, to, anchor = found.groups()
        target = (source.parent / to).resolve()
        if '://' in to or not target.exists():
            return found[0]  # Sphinx complains of what is not there
        if target.is_dir():
            target = target / 'README.md'
            if not target.exists():
                return text
        target = pages.get(target, target)
        return f'[{text}]({os.path.relpath(target, page.parent)}{anchor})'

    return LINK.sub(moved, text)


def read_page(app: Sphinx, name: str, content: list[str]) -> None:
    """Give a page the text that it borrows, and links that lead somewhere."""
    page = Path(app.env.doc2path(name))
    if page.suffix != '.md':
        return
    pages = {
        source: path
        for path in Path(app.srcdir).rglob('*.md')
        if (source := borrowed(path))
    }
    source, text = borrowed(page), content[0]
    if source:
        app.env.note_dependency(str(source))
        borrowed_text = on_site(source.read_text('utf-8'), source, page, pages)
        text = BORROWED.sub('', text)
        content[0] = f'{borrowed_text}\n{on_site(text, page, page, pages)}'
    else:
        content[0] = on_site(text, page, page, pages)


def read_docstring(app, what, name, obj, options, lines: list[str]) -> None:
    """Turn a docstring of Google's style into reStructuredText.

    Napoleon as an extension looks up members in a way that mmcv's ``cache_randomness``
    does not bear.
    """
    lines[:] = GoogleDocstring(lines, STYLE, what=what, name=name).lines()


def undocumented(app: Sphinx, env, node, content):
    """Take a name of ours that has no entry on the site, but exists, as text."""
    name = node['reftarget']
    if name.startswith('mammo_plugins.') and locate(name) is not None:
        return content
    return None


def setup(app: Sphinx) -> None:
    """Read pages and docstrings so."""
    app.connect('source-read', read_page)
    app.connect('autodoc-process-docstring', read_docstring)
    app.connect('missing-reference', undocumented)
