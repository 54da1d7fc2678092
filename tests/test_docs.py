"""The docs hold: links lead somewhere, and the scripts in them run."""
import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'),
         *(ROOT / 'configs').rglob('*.md')]


def blocks(page, language):
    """Return the code blocks of a page."""
    text = (ROOT / page).read_text()
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page):
    for target in re.findall(r'(?:\]\(|src=")([^)#"]+)', page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_configs_named(page):
    for name in re.findall(r'configs/[\w/.-]+\.py', page.read_text()):
        assert (ROOT / name).is_file() or 'my_variant' in name or \
            name.endswith('mine.py'), name


def test_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) < 150


@pytest.mark.parametrize('page, base', [
    ('README.md', 'configs/baselines'),
    ('docs/how_to/variants.md', 'configs/baselines'),
    ('docs/how_to/own_data.md', 'configs/baselines'),
])
def test_variants_are_configs(page, base, tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    variants = [b for b in blocks(page, 'python') if '_base_' in b]
    assert variants
    for text in variants:
        path = tmp_path / base / 'variant.py'
        path.write_text(text)
        cfg = Config.fromfile(path)
        assert cfg.model.type == 'FasterRCNN'
    if page.endswith('variants.md'):
        assert cfg.model.rpn_head.anchor_generator.scales == [6]
        steps = [s.type for s in cfg.train_dataloader.dataset.pipeline]
        assert 'RandomIntensity' not in steps and 'RandomFlip' in steps


def test_own_data_script(phantom_root, tmp_path):
    """The script makes a sound data set of the phantom's files and boxes."""
    root = tmp_path / 'data/mine'
    shutil.copytree(phantom_root / 'dicom', root / 'dicom')
    (root / 'dicom/notes.txt').write_text('not a mammogram')
    truth = {}
    for part in ('train', 'test'):
        data = json.loads((phantom_root / f'annotations/{part}.json').read_text())
        names = {im['id']: im['file_name'] for im in data['images']}
        for annotation in data['annotations']:
            x, y, w, h = annotation['bbox']
            truth.setdefault(names[annotation['image_id']], []).append(
                [x, y, x + w, y + h, annotation['pathology']])
    with open(root / 'lesions.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['file', 'x1', 'y1', 'x2', 'y2', 'pathology'])
        for name, rows in truth.items():
            writer.writerows([name, *row] for row in rows)
    script = tmp_path / 'script.py'
    script.write_text(blocks('docs/how_to/own_data.md', 'python')[0])
    done = subprocess.run([sys.executable, script], cwd=tmp_path, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'notes.txt' in done.stdout
    checked = subprocess.run(
        [sys.executable, ROOT / 'tools/verify_dataset.py', root], text=True,
        capture_output=True, timeout=120)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    parts = [json.loads((root / f'annotations/{part}.json').read_text())
             for part in ('train', 'val', 'test')]
    assert sum(len(part['images']) for part in parts) == 32
    assert sum(len(part['annotations']) for part in parts) == sum(
        map(len, truth.values()))
