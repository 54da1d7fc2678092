"""The site of docs/ is built without a warning, and warns of what is wrong."""

import importlib
import inspect
import io
from pathlib import Path
from typing import get_origin

import pytest
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
# MyST's own
pytestmark = pytest.mark.filterwarnings('ignore::PendingDeprecationWarning')
PACKAGES = (
    *('anatomy', 'apis', 'converters', 'datasets', 'datasets.transforms'),
    *('engine.hooks', 'engine.loops', 'engine.optimizers', 'evaluation.functional'),
    *('evaluation.metrics', 'exports', 'io', 'phantom', 'structures', 'synthesis'),
    'visualization',
    *(
        f'models.{path.parent.name}'
        for path in sorted((ROOT / 'mammo_plugins/models').glob('*/__init__.py'))
    ),
)


def build(pages, out):
    """Build pages, write none of them; return the application and what it warned of."""
    warnings = io.StringIO()
    with patch_docutils(DOCS), docutils_namespace():
        app = Sphinx(
            pages,
            DOCS,
            out,
            out,
            'dummy',
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build()
    return app, warnings.getvalue()


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    return build(DOCS, tmp_path_factory.mktemp('site'))


def test_it_is_built_without_a_warning(site):
    """No dead link or anchor, no page outside the navigation, no name that is none."""
    app, warnings = site
    assert not warnings
    pages = {app.env.doc2path(name, base=False) for name in app.env.found_docs}
    assert {str(path) for path in pages} == {
        str(path.relative_to(DOCS))
        for path in DOCS.rglob('*')
        if path.suffix in ('.md', '.rst') and path != DOCS / 'README.md'
    }


def test_readmes_of_configs_are_pages(site):
    app, _ = site
    for readme in ROOT.glob('configs/*/README.md'):
        name = f'systems/{readme.parent.name}'
        assert name in app.env.found_docs, f'docs/{name}.md: missing; link {readme}'
        page = app.env.get_doctree(name)
        title = readme.read_text().splitlines()[0].removeprefix('# ')
        assert page.next_node(lambda node: node.tagname == 'title').astext() == title
    # what is a page is never downloaded
    assert app.env.dlfiles
    assert not [name for name in app.env.dlfiles if str(name).endswith('.md')]


def test_what_is_public_has_an_entry(site):
    app, _ = site
    entries = app.env.domains.python_domain.objects
    shown = {
        getattr(importlib.import_module(module), name, None)
        for module, _, name in (entry.rpartition('.') for entry in entries)
        if module in {f'mammo_plugins.{package}' for package in PACKAGES}
        if entries[f'{module}.{name}'].objtype in ('class', 'exception', 'function')
    }
    for package in PACKAGES:
        module = importlib.import_module(f'mammo_plugins.{package}')
        for name in module.__all__:
            found = getattr(module, name)
            if (inspect.isroutine(found) or inspect.isclass(found)) and (
                get_origin(found) is None
            ):
                assert found in shown, f'{package}.{name}'


@pytest.mark.parametrize(
    'text, complaint',
    [
        ('[a](b.md)', "cross-reference target not found: 'b.md'"),
        ('[a](other.md#there)', "local id not found in doc 'other': 'there'"),
        ('[a](#there)', "cross-reference target not found: 'there'"),
        ('![a](b.png)', 'image file not readable: b.png'),
        ('{py:func}`mammo_plugins.io.nothing`', 'reference target not found'),
        ('{py:mod}`mammo_plugins.io.reading`', ''),
        ('{py:class}`mmdet.models.Nothing`', ''),
        ('[a](other.md#a-heading) [b](other.md)', ''),
    ],
)
def test_what_is_wrong_is_told(text, complaint, tmp_path):
    (tmp_path / 'index.md').write_text(
        f'# Title\n\n{text}\n\n```{{toctree}}\nother\n```\n'
    )
    (tmp_path / 'other.md').write_text('# Other\n\n## A heading\n')
    _, warnings = build(tmp_path, tmp_path / 'out')
    assert complaint in warnings and bool(warnings) == bool(complaint), warnings


def test_links_lead_to_where_things_are(tmp_path):
    """A page borrows a text; links to it, to folders and to other files follow."""
    for folder in ('docs/pages', 'code/empty'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'code/README.md').write_text(
        '# Code\n\n[home](../docs/index.md), [file](run.py), [folder](empty)\n'
    )
    (tmp_path / 'code/run.py').touch()
    (tmp_path / 'docs/pages/code.md').write_text('[Code](../../code/README.md)\n')
    (tmp_path / 'docs/lost.md').write_text('# Lost\n')
    (tmp_path / 'docs/index.md').write_text(
        '# Home\n\n[page](../code/README.md#code) [by folder](../code)\n\n'
        '```{toctree}\npages/code\n```\n'
    )
    app, warnings = build(tmp_path / 'docs', tmp_path / 'out')
    assert "lost.md: WARNING: document isn't included in any toctree" in warnings
    assert warnings.count('WARNING') == 1
    home, code = (
        app.env.get_and_resolve_doctree(name, app.builder)
        for name in ('index', 'pages/code')
    )
    links = [
        (link.astext(), link.get('refuri', ''))
        for link in home.findall(lambda node: node.tagname == 'reference')
    ]
    assert links[:2] == [('page', '#code'), ('by folder', '')]
    assert code.astext() == 'Code\n\nhome, file, folder'
    (file,) = code.findall(addnodes.download_reference)
    assert (tmp_path / 'docs/pages' / file['reftarget']).resolve() == (
        tmp_path / 'code/run.py'
    )
