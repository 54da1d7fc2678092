"""What the pages for contributors tell holds, and the tree is as they tell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from config_runs import CONFIGS, built, learn, on_phantom, predicted
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mammo_cli.commands.convert import DATA_SETS
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.datasets import public_data_sets
from mammo_plugins.datasets.exam_dataset import TARGETS
from mammo_plugins.registry import MODELS
from mammo_plugins.shipped import papers
from mammo_plugins.structures import MODALITIES, PATHOLOGIES, ROLES, VIEWS

ROOT = Path(__file__).parents[1]
PAPER = 'docs/how_to/add_a_paper.md'
PAGES = ('CONTRIBUTING.md', PAPER, 'docs/how_to/add_a_dataset.md')
# what the pages' placeholders may stand for
NAMES = dict(paper='divf', net='divf_net', data='cmmd', task='breast')
MADE = ('build/docs', 'summary.md')  # by commands of the pages
DETECTORS_ALONE = {'baselines'}  # no paper's
OWN = {'generic'}  # your own mammograms, whatever they show


def paths_in(text):
    """Yield the paths that code in a page's text names, blocks apart."""
    text = re.sub('^```.*?^```', '', text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall('`([^`]+)`', text):
        for word in code.split():
            if re.fullmatch(r'[\w.<>-]+(/[\w.<>-]+)*/?', word) and (
                '/' in word or word.endswith(('.md', '.yml', '.ini', '.toml', '.txt'))
            ):
                yield re.sub('<([a-z]+)>', lambda found: NAMES[found[1]], word)


def is_there(path):
    return path in MADE or any(
        (ROOT / folder / path).exists()
        for folder in ('', 'docs', 'mammo_plugins/models')
    )


@pytest.mark.parametrize('page', PAGES)
def test_pages_name_files_that_exist(page):
    found = list(paths_in((ROOT / page).read_text()))
    assert len(found) > 5 and not [path for path in found if not is_there(path)]


def test_paths_are_found():
    text = 'A `a/<paper>.py`, `x y/z/`, `b.md`.\n```\n`c/d`\n```\n`f(a)` `CC/MLO x`'
    assert list(paths_in(text)) == ['a/divf.py', 'y/z/', 'b.md', 'CC/MLO']


@pytest.mark.parametrize('paper', sorted(set(papers()) - DETECTORS_ALONE))
def test_a_paper_has_its_files(paper):
    document = f'docs/results/{paper}.md'
    assert Config.fromfile(CONFIGS / paper / 'ablation.py').document == document
    marks = [f'<!-- tables: {end} -->' for end in ('begin', 'end')]
    assert all((ROOT / document).read_text().count(mark) == 1 for mark in marks)
    for test in ('test_configs/test_{}_configs.py', 'test_training/test_{}_learns.py'):
        assert (ROOT / 'tests' / test.format(paper)).is_file()


@pytest.mark.parametrize('name', sorted(set(DATA_SETS) - OWN))
def test_a_data_set_has_its_files(name):
    converter = DATA_SETS[name].make()
    module = type(converter).__module__.rpartition('.')[2]
    (own,) = (
        each
        for each in vars(public_data_sets).values()
        if f'``mammo convert {name}``' in str(each.__doc__) and isinstance(each, type)
    )
    assert own.METAINFO['classes'] == converter.categories
    pages = ROOT / 'docs/how_to/datasets'
    assert (pages / f'{module}.md').is_file()
    rows = (pages / 'README.md').read_text().splitlines()
    named = re.compile(rf'.*\({module}\.md\).*\| `({module}|{name})` \|')
    assert len(list(filter(named.fullmatch, rows))) == 1
    assert (ROOT / f'tests/test_converters/test_{module}.py').is_file()


def test_a_paper_outside_the_repository(phantom_root, tmp_path, monkeypatch):
    """The page's component and config learn and predict as they are printed."""
    text = (ROOT / PAPER).read_text()
    blocks = re.findall('^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    for name, block in zip(('gated_fusion.py', 'gated-net_phantom.py'), blocks):
        assert f'`{name}`' in text
        (tmp_path / name).write_text(block)
    MODELS.import_from_location()
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS.module_dict))
    monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
    cfg = load_config(str(tmp_path / 'gated-net_phantom.py'))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mammo'):
        model = MODELS.build(cfg.model)
        small = dict(scale=(32, 64))
        train, test = (
            built(on_phantom(cfg[f'{part}_dataloader'].dataset, phantom_root, **small))
            for part in ('train', 'test')
        )
        assert type(model.fusion).__module__ == 'gated_fusion'
        learn(model.train(), [train[i] for i in range(2)])
        assert predicted(model, test[0]).pred_score.sum().item() == pytest.approx(1)


def test_the_glossary_has_the_words_of_the_code():
    text = (ROOT / 'docs/reference/glossary.md').read_text()
    terms = [
        term
        for cell in re.findall(r'^\| \*\*(.+?)\*\* \|', text, re.MULTILINE)
        for term in cell.split(', ')
    ]
    assert len(terms) > 60 and len(set(terms)) == len(terms)
    for word in (*MODALITIES, *PATHOLOGIES, *ROLES, *VIEWS, *TARGETS):
        assert re.search(rf'\b{word}\b', text), word


def hooks():
    (local,) = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())['repos']
    assert local['repo'] == 'local'
    return {hook['id']: hook for hook in local['hooks']}


def test_hooks_need_no_network():
    """They run what the extra 'lint' installs, or are patterns."""
    lint = re.search(r'^lint = (\[.*?\])', project(), re.DOTALL | re.MULTILINE)[1]
    for hook in hooks().values():
        if hook['language'] == 'system':
            python, option, module, *_ = hook['entry'].split()
            assert (python, option) == ('python', '-m') and f'"{module}>=' in lint
        else:
            assert hook['language'] == 'pygrep'


@pytest.mark.parametrize(
    'name, sound, faulty',
    [
        ('trailing-space', ['a = 1\n', '\n', ' a\n'], ['a \n', 'a\t\n', '  \n']),
        ('end-of-file', ['', 'a\n', 'a\n\nb\n'], ['a', 'a\n\n', 'a\nb']),
    ],
)
def test_patterns_of_hooks(name, sound, faulty):
    pattern = re.compile(hooks()[name]['entry'], re.MULTILINE)
    assert not [text for text in sound if pattern.search(text)]
    assert all(map(pattern.search, faulty))
    kinds = ('*.py', '*.md', '*.yml', '*.ini', '*.toml')
    folders = ('configs', 'docs', 'mammo_cli', 'mammo_plugins', 'tests', 'tools')
    files = [
        path
        for kind in kinds
        for path in (
            *ROOT.glob(kind),
            *(path for each in folders for path in (ROOT / each).rglob(kind)),
        )
    ]
    assert len(files) > 500
    assert not [path for path in files if pattern.search(path.read_text('utf-8'))]


def test_hooks_check_what_mypy_does():
    checked = re.compile(hooks()['mypy']['files'])
    folders = re.search('^files = (.*)', (ROOT / 'mypy.ini').read_text(), re.MULTILINE)
    for folder in folders[1].split(', '):
        assert checked.search(f'{folder}/a.py') and checked.search(f'{folder}/a/b.py')
    assert not checked.search('mammo_plugins/models/a.py')


def test_workflows_make_what_there_is():
    text = (ROOT / '.github/workflows/tests.yml').read_text()
    targets = re.findall('^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    steps = [
        step.get('run', '')
        for job in yaml.safe_load(text)['jobs'].values()
        for step in job['steps']
    ]
    made = {step.removeprefix('make ') for step in steps if step.startswith('make ')}
    assert {'test', 'test-fast'} < made <= set(targets)
    assert all(any(f'-m {tool}' in step for step in steps) for tool in ('ruff', 'mypy'))


def test_bug_reports_ask_for_the_doctor():
    forms = {
        path.stem: yaml.safe_load(path.read_text())
        for path in (ROOT / '.github/ISSUE_TEMPLATE').glob('*.yml')
    }
    for form in forms.values():
        assert form['name'] and form['description'] and form['body']
    (doctor,) = (
        each for each in forms['bug_report']['body'] if each.get('id') == 'doctor'
    )
    assert 'mammo doctor' in doctor['attributes']['label']
    assert 'mask' in doctor['attributes']['description']
    assert doctor['validations']['required']


def project():
    return (ROOT / 'pyproject.toml').read_text()


def of_matrix(function):
    """What a function of .ci/matrix prints; the script itself is not run."""
    text = (ROOT / '.ci/matrix').read_text()
    parts = re.findall(r'^\w+\(\) \{.*?\}$', text, re.DOTALL | re.MULTILINE)
    script = '\n'.join([*parts, function])
    run = subprocess.run(
        ['bash', '-c', script], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stderr
    return run.stdout.splitlines()


def test_the_matrix_installs_what_tests_need():
    """Its lists are those of pyproject.toml, as a TOML reader has them."""
    tomllib = pytest.importorskip(
        'tomllib', reason='Python 3.11 reads TOML; the lists are the same for all'
    )
    metadata = tomllib.loads(project())['project']
    own, extras = metadata['dependencies'], metadata['optional-dependencies']
    others = [
        each
        for names in extras.values()
        for each in names
        if not each.startswith(f'{metadata["name"]}[')
    ]
    assert of_matrix('dependencies') == own and of_matrix('extras') == others
    (nested,) = set(extras['tests']) - set(others)
    assert set(nested.rpartition('[')[2][:-1].split(',')) == set(extras) - {'tests'}
    bounds = [
        re.sub(r'>=([\d.]+).*', r'==\1.*', each)
        for each in [*own, *others]
        if not each.startswith('setuptools')
    ]
    assert of_matrix('lower_bounds') == bounds
    assert all(re.fullmatch(r'[\w-]+==[\d.]+\*', each) for each in bounds)
