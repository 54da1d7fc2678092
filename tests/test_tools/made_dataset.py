"""A small sound data set in which tests of verify_dataset plant defects."""

import copy
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mammo_cli.main import main

WIDTH, HEIGHT = 60, 100
VIEWS = [('R', 'CC'), ('L', 'CC'), ('R', 'MLO'), ('L', 'MLO')]
BOX = {'L': [10, 40, 12, 10], 'R': [38, 40, 12, 10]}  # on the breast


def breast(laterality, seed):
    """A half ellipse with noise; a left breast has its wall on the left."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    if laterality == 'R':
        x = WIDTH - x
    tissue = (x / 40) ** 2 + ((y - 50) / 40) ** 2 < 1
    noise = np.random.default_rng(seed).integers(0, 40, tissue.shape)
    return np.where(tissue, 150 + noise, noise // 10).astype(np.uint8)


def polygon(x, y, w, h):
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def make_part(root, split, n_exams, start):
    data = dict(
        info=dict(dataset='made', converter_version='1', split=split, split_seed=7),
        images=[],
        annotations=[],
        categories=[dict(id=1, name='mass')],
    )
    for exam in range(start, start + n_exams):
        for k, (side, view) in enumerate(VIEWS):
            index = 10 * exam + k
            name = f'images/SECRETFILE{index}.png'
            cv2.imwrite(str(root / name), breast(side, index))
            data['images'].append(
                dict(
                    id=index,
                    file_name=name,
                    width=WIDTH,
                    height=HEIGHT,
                    exam_id=f'SECRETEXAM{exam}',
                    patient_id=f'SECRETPATIENT{exam}',
                    laterality=side,
                    view=view,
                    pixel_spacing_mm=[0.1, 0.1],
                    nipple=[30, 50],
                    breast_bbox=[0, 10, 60, 80],
                    birads='4A' if side == 'L' else '1',
                    density='B',
                    abnormal=side == 'L',
                    modality='FFDM',
                    source=f'SECRETFILE{index}.dcm',
                )
            )
            if side == 'L':
                data['annotations'].append(
                    dict(
                        id=100 + index,
                        image_id=index,
                        category_id=1,
                        bbox=BOX[side],
                        area=120,
                        iscrowd=0,
                        segmentation=polygon(*BOX[side]),
                        birads=None,
                        pathology='malignant',
                        lesion_id=f'SECRETLESION{exam}',
                    )
                )
    return data


@pytest.fixture(scope='module')
def template(tmp_path_factory):
    """A sound data set: exam 1 in train, exam 2 in val."""
    root = tmp_path_factory.mktemp('made')
    (root / 'images').mkdir()
    (root / 'annotations').mkdir()
    return root, make_part(root, 'train', 1, 1), make_part(root, 'val', 1, 2)


class Made:
    """A copy of the sound data set to plant defects in."""

    def __init__(self, folder, template):
        source, train, val = template
        self.root = folder / 'SECRETROOT'
        (self.root / 'images').mkdir(parents=True)
        (self.root / 'annotations').mkdir()
        for file in (source / 'images').iterdir():
            (self.root / 'images' / file.name).write_bytes(file.read_bytes())
        self.train, self.val = copy.deepcopy(train), copy.deepcopy(val)

    def file(self, image):
        return self.root / image['file_name']

    def save(self):
        for name, data in (('train', self.train), ('val', self.val)):
            path = self.root / 'annotations' / f'{name}.json'
            path.write_text(data if isinstance(data, str) else json.dumps(data))

    def report(self, *options):
        """The report as JSON, the printed text and the exit code."""
        self.save()
        out = self.root.parent / 'report.json'
        code = 0
        try:
            main(
                [
                    'verify',
                    str(self.root),
                    '--json',
                    str(out),
                    '--workers',
                    '1',
                    *options,
                ]
            )
        except SystemExit as end:
            code = end.code
        return json.loads(out.read_text()), code


@pytest.fixture
def made(tmp_path, template):
    return Made(tmp_path, template)


def found(report):
    return [
        (f['severity'], f['check'], f['where'].split(',')[0])
        for f in report['findings']
    ]


def planted(part, kind, index, **values):
    return lambda m: getattr(m, part)[kind][index].update(values)


def rle(box, size=(HEIGHT, WIDTH)):
    mask = np.zeros(size, np.uint8, order='F')
    x, y, w, h = box
    mask[y : y + h, x : x + w] = 1
    code = coco_mask.encode(mask)
    return dict(size=list(size), counts=code['counts'].decode())


T11 = 'train: image 11'
