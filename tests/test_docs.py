"""The docs hold: links lead somewhere, and the scripts in them run."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from config_runs import changed, on_phantom
from mmengine.config import Config

from mammo_plugins.apis import cross_validation
from mammo_plugins.apis.config_checks import (
    check_complete,
    check_out_of_fold,
)
from mammo_plugins.apis.config_loading import load_config
from mammo_plugins.apis.fold_checks import check_folds
from mammo_plugins.datasets.pipeline import named_steps
from mammo_plugins.io import write_json
from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import kfold_patients

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob('*.md'),
    *(ROOT / 'docs').rglob('*.md'),
    *(ROOT / 'configs').rglob('*.md'),
]


def blocks(page, language):
    """Return the code blocks of a page."""
    text = (ROOT / page).read_text()
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page):
    for target, anchor in re.findall(
        r'(?:\]\(|src=")([^)#"\s]*)(?:#([^)"\s]*))?', page.read_text()
    ):
        if '://' in target:
            continue
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), f'{target}#{anchor}'


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.*)$', page.read_text(), re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        for heading in headings
    }


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_configs_named(page):
    for name in re.findall(r'(?<!\w)configs/[\w/.-]+\.py', page.read_text()):
        assert (
            (ROOT / name).is_file() or 'my_variant' in name or name.endswith('mine.py')
        ), name


def empty_cells(text):
    """Yield the rows of tables "paper / ours / status" in which a cell is empty."""
    table = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]
        table = [*table, cells] if cells else []
        if (
            table
            and 'status' in table[0]
            and not (len(cells) == len(table[0]) and all(cells))
        ):
            yield line


@pytest.mark.parametrize(
    'text, number',
    [
        ('| what | status |\n| - | - |\n| a | |', 1),
        ('| what | status |\n| - | - |\n| a |', 1),
        ('| what | status |\n| - | - |\n| a | ours |', 0),
        ('| config | |\n| - | - |', 0),
    ],
)
def test_empty_cells_are_found(text, number):
    assert len(list(empty_cells(text))) == number


def test_each_row_has_its_status():
    pages = sorted((ROOT / 'configs').glob('*/README.md'))
    # every paper has one
    assert [page.parent for page in pages] == sorted(
        path.parent for path in ROOT.glob('configs/*/metafile.yml')
    )
    assert not {
        page.parent.name: rows
        for page in pages
        for rows in [list(empty_cells(page.read_text()))]
        if rows
    }


def test_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) < 100


@pytest.mark.parametrize(
    'page, base',
    [
        ('docs/how_to/variants.md', 'configs/baselines'),
        ('docs/how_to/own_data.md', 'configs/baselines'),
    ],
)
def test_variants_are_configs(page, base, tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    variants = [
        b for b in blocks(page, 'python') if '_base_' in b and 'mmdet::' not in b
    ]  # tests/test_datasets/test_plain_mmdet.py
    assert variants
    cfgs = []
    for text in variants:
        path = tmp_path / base / 'variant.py'
        path.write_text(text)
        cfgs.append(load_config(str(path)))
        assert cfgs[-1].model.type == 'FasterRCNN'
    if page.endswith('variants.md'):
        cfg, cropped = cfgs
        assert cfg.model.rpn_head.anchor_generator.scales == [6]
        steps = list(named_steps(cfg.train_dataloader.dataset.pipeline))
        assert 'intensity' not in steps and 'flip' in steps
        pipelines = [
            named_steps(cropped[f'{part}_dataloader'].dataset.pipeline)
            for part in ('train', 'val', 'test')
        ]
        assert list(pipelines[0])[3:5] == ['resize', 'crop']
        assert {steps['resize'].max_height for steps in pipelines} == {192}


def test_training_on_synthetic_breasts_too(phantom_root, tmp_path):
    """The page of synthesis has a config of both data sets."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (text,) = [b for b in blocks('docs/how_to/synthesis.md', 'python') if '_base_' in b]
    path = tmp_path / 'configs/divf/mine.py'
    path.write_text(text)
    settings = load_config(str(path)).train_dataloader.dataset
    assert {part.data_root for part in settings.datasets.values()} == {
        'data/vindr_mammo/',
        'data/vindr_mammo_synthetic/',
    }
    with DATASETS.switch_scope_and_registry('mammo'):
        both = DATASETS.build(on_phantom(settings, phantom_root))
    one, other = both.datasets
    assert len(one) == len(other) == len(both) / 2 > 0


def test_maps_out_of_folds(phantom_root, tmp_path, monkeypatch):
    """MommiNet's page makes folds that a training with them takes."""
    shutil.copytree(phantom_root, tmp_path / 'data/ddsm')
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    monkeypatch.chdir(tmp_path)
    script, variant = blocks('configs/momminet/README.md', 'python')
    exec(script, {})
    read = [
        json.loads((tmp_path / f'data/ddsm/annotations/{name}.json').read_text())
        for name in (
            'train',
            *(f'folds/{k}/{part}' for k in range(1, 6) for part in ('train', 'test')),
        )
    ]
    whole, *parts = (
        {image['id']: image['patient_id'] for image in data['images']} for data in read
    )
    for train, test in zip(parts[::2], parts[1::2]):
        assert train | test == whole
        assert not set(train.values()) & set(test.values())
    assert sum(map(len, parts[1::2])) == len(whole)
    assert sum(len(data['annotations']) for data in read[2::2]) == len(
        read[0]['annotations']
    )
    Path('configs/mine.py').write_text(variant)
    cfg = Config.fromfile('configs/mine.py')
    stages = cfg.train_cfg.stages
    for fold in cfg.model.out_of_fold:
        assert fold.checkpoint.endswith(  # the last of the branches'
            f'epoch_{stages.ipsilateral.max_epochs + stages.bilateral.max_epochs}.pth'
        )
        Path(fold.checkpoint).parent.mkdir(parents=True)
        Path(fold.checkpoint).touch()
    check_out_of_fold(cfg)


def test_cross_validation_of_ones_own(phantom_root, tmp_path, monkeypatch):
    """The page's config, in each fold of data that a converter has parted."""
    (text,) = [
        b for b in blocks('docs/how_to/cross_validation.md', 'python') if '_base_' in b
    ]
    folder = tmp_path / 'data/mine/annotations'
    data = json.loads((phantom_root / 'annotations/train.json').read_text())
    names = [image['patient_id'] for image in data['images']]
    for fold, (train, test) in enumerate(kfold_patients(names, 2), 1):
        for part, patients in dict(train=train, test=test).items():
            images = [i for i in data['images'] if i['patient_id'] in patients]
            ids = {image['id'] for image in images}
            write_json(
                folder / f'fold_{fold}/{part}.json',
                dict(
                    data,
                    images=images,
                    annotations=[
                        a for a in data['annotations'] if a['image_id'] in ids
                    ],
                ),
            )
    (tmp_path / 'data/mine/dicom').symlink_to(phantom_root / 'dicom')
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (path,) = re.findall('# (configs/.*)', text)
    (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cross_validation, 'ROOT', tmp_path)
    held_out = []
    for fold in cross_validation.folds_of(load_config(path)):
        cfg = load_config(
            path,
            {f'{part}_dataloader.dataset.fold': fold for part in ('train', 'test')},
        )
        check_complete(cfg, 'train')
        check_complete(cfg, 'test')
        check_folds(cfg)
        with DATASETS.switch_scope_and_registry('mammo'):
            parts = [
                DATASETS.build(
                    changed(cfg[f'{part}_dataloader'].dataset, cache_dir=None)
                )
                for part in ('train', 'test')
            ]
        train, test = (
            {
                sample['patient_id']
                for sample in map(part.get_data_info, range(len(part)))
            }
            for part in parts
        )
        assert train | test == set(names) and not train & test
        assert parts[0][0]['inputs'].shape[0] == 1
        held_out += test
    assert sorted(held_out) == sorted(set(names))


def test_own_data_command(phantom_root, tmp_path, run_tool):
    """The page's command makes a sound data set of the phantom's files and boxes."""
    raw = tmp_path / 'downloads/mine'
    shutil.copytree(phantom_root / 'dicom', raw)
    (raw / 'notes.txt').write_text('not a mammogram')
    truth, rows = 0, []
    for part in ('train', 'test'):
        data = json.loads((phantom_root / f'annotations/{part}.json').read_text())
        for image in data['images']:
            row = dict(
                file=image['file_name'].removeprefix('dicom/'),
                patient=image['patient_id'],
            )
            boxes = [a for a in data['annotations'] if a['image_id'] == image['id']]
            truth += len(boxes)
            for annotation in boxes:
                x, y, w, h = annotation['bbox']
                rows.append(
                    dict(
                        row,
                        x1=x,
                        y1=y,
                        x2=x + w,
                        y2=y + h,
                        lesion_pathology=annotation['pathology'],
                    )
                )
            if not boxes:
                rows.append(row)
    table = next(b for b in blocks('docs/how_to/own_data.md', '') if 'patient' in b)
    with open(raw / 'views.csv', 'w', newline='') as file:
        writer = csv.DictWriter(file, table.split('\n')[0].split(','))
        writer.writeheader()
        writer.writerows(rows)
    command = next(
        b for b in blocks('docs/how_to/own_data.md', 'bash') if 'generic.py' in b
    )
    words = shlex.split(command.replace('\\\n', ' '))
    assert words[0] == 'python'
    done = run_tool(*words[1:], '--workers', '1', cwd=tmp_path)
    assert done.returncode == 0, done.err
    assert '1 files of the folder that are not used' in done.out
    root = tmp_path / 'data/mine'
    assert (root / 'skipped.csv').read_text().splitlines() == ['item,reason,detail']
    checked = run_tool('tools/verify_dataset.py', root)
    assert checked.returncode == 0, checked.out + checked.err
    parts = [json.loads(path.read_text()) for path in root.glob('annotations/*.json')]
    assert sum(len(part['images']) for part in parts) == 32
    assert sum(len(part['annotations']) for part in parts) == truth
