"""The notebook and the page of Python do what they say, on phantom exams."""

import re
from pathlib import Path

import matplotlib
import nbformat
import pytest
from mmengine.runner import save_checkpoint
from nbclient import NotebookClient

from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.registry import MODELS

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / 'docs/tutorials/first_exam.ipynb'


def test_the_page(phantom_root, tmp_path, monkeypatch, capsys):
    """One block after the other, with a detector that has learned nothing."""
    monkeypatch.chdir(tmp_path)
    Path('data').mkdir()
    Path('data/phantom').symlink_to(phantom_root)
    page = (ROOT / 'docs/how_to/python.md').read_text()
    cfg = load_config(re.search(r"load_config\('(.*)'\)", page)[1])
    with MODELS.switch_scope_and_registry('mammo'):
        model = MODELS.build(cfg.model)
    weights = Path(re.search(r'work_dirs\S+\.pth', page)[0])
    weights.parent.mkdir(parents=True)
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), str(weights))
    with matplotlib.rc_context({'backend': 'agg'}):
        names = {}
        for block in re.findall(r'```python\n(.*?)```', page, re.DOTALL):
            exec(block, names)
        matplotlib.pyplot.close('all')
    assert set(names['views']) == {'LCC', 'LMLO', 'RCC', 'RMLO'}
    assert names['registration'].status == 'warped'
    assert names['after'] > names['before']
    (exam,) = names['predictions']['exams']
    assert len(exam['views']) == 4
    assert Path('results_of_python', exam['figure']).stat().st_size
    assert Path('boxes.png').stat().st_size


@pytest.fixture(scope='module')
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert NOTEBOOK.stat().st_size < 20_000


def test_the_notebook(notebook, tmp_path, monkeypatch):
    """In a process of its own, elsewhere than in the repository."""
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('MPLBACKEND', 'module://matplotlib_inline.backend_inline')
    run = NotebookClient(
        notebook, timeout=600, resources={'metadata': {'path': str(tmp_path)}}
    ).execute()
    said, pictures = '', 0
    for cell in run.cells:
        for output in cell.get('outputs', ()):
            said += output.get('text', '') if output.get('name') == 'stdout' else ''
            pictures += 'image/png' in output.get('data', {})
    # four views of the phantom's size; the breasts come together
    assert re.findall(r'^(\w+) \(128, 64\)', said, re.M) == [
        'LCC',
        'LMLO',
        'RCC',
        'RMLO',
    ]
    before, after = map(
        float, re.search(r'warped: .* ([\d.]+), then ([\d.]+)', said).groups()
    )
    assert after > before and after > 0.97
    # the exam's lesion is found in both projections of its breast, with boxes drawn
    assert len(re.findall(r'^[LR] (?:CC|MLO) \[', said, re.M)) >= 2
    assert pictures == 3
    recall = float(re.search(r'froc/recall@1.0 ([\d.]+)', said)[1])
    assert recall > 0.5
