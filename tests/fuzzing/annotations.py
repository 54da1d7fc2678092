"""Altered annotation files, and the other JSON that the package reads."""

import json
import os.path as osp
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

from fuzzing.harness import Fault, Fuzzer, run_command
from fuzzing.json_damage import TEXTS, VALUES, at_random, changed, dump
from mammo_plugins.apis import config_checks, leakage
from mammo_plugins.apis.config_loading import ConfigError
from mammo_plugins.apis.experiments import check_settings
from mammo_plugins.apis.work_dir import tested
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.evaluation.functional import FROCData, ImageMatches, froc_summary
from mammo_plugins.io import JsonError
from mammo_plugins.structures import AnnotationError, read_detections

HEIGHT, WIDTH = 12, 16
# what only the image files tell, so that the annotation file alone is sound
OF_FILES = {
    'missing file',
    'unreadable file',
    'size differs',
    'duplicated pixels',
    'laterality differs from the header',
    'view differs from the header',
}


def sound(first: int, part: str) -> dict:
    """Return the annotation file of two exams, the second with two views."""
    images = []
    for k, (exam, side, view) in enumerate(
        [
            ('a', 'L', 'CC'),
            ('a', 'L', 'MLO'),
            ('a', 'R', 'CC'),
            ('a', 'R', 'MLO'),
            ('b', 'L', 'CC'),
            ('b', 'R', 'CC'),
        ]
    ):
        images.append(
            dict(
                id=first + k,
                file_name=f'images/{part}{k}.png',
                width=WIDTH,
                height=HEIGHT,
                exam_id=f'{part}_{exam}',
                patient_id=f'{part}_{exam}',
                laterality=side,
                view=view,
                modality='FFDM',
                source=f'raw/{k}.dcm',
                pixel_spacing_mm=[0.1, 0.1],
                nipple=[15, 6],
                breast_bbox=[0, 0, 16, 12],
                birads='4',
                density='B',
                abnormal=True if k < 2 else None,
            )
        )
    images[4]['synthetic'] = dict(benign=f'images/{part}0.png', malignant=None)
    rectangle = [[2, 3, 8, 3, 8, 9, 2, 9]]
    runs = [2 * HEIGHT + 3, 6] + [6, 6] * 5
    runs.append(HEIGHT * WIDTH - sum(runs))
    masks = [rectangle, dict(size=[HEIGHT, WIDTH], counts=runs), []]
    annotations = [
        dict(
            id=k + 1,
            image_id=first + k % 2,
            category_id=1,
            bbox=[2, 3, 6, 6],
            area=36,
            iscrowd=0,
            segmentation=mask,
            birads='4A',
            pathology='malignant',
            lesion_id=f'{part}_l{k // 2}',
        )
        for k, mask in enumerate(masks)
    ]
    return dict(
        info=dict(dataset='made', split=part),
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='mass')],
    )


def known() -> list:
    """List altered trees of what is known to go wrong, each with a name."""
    fields = [('images', 0, name) for name in sound(1, 'train')['images'][4]]
    fields += [('annotations', 0, name) for name in sound(1, 'train')['annotations'][0]]
    fields += [
        ('annotations', 1, 'segmentation', 'counts'),
        ('annotations', 1, 'segmentation', 'size'),
        ('images', 4, 'synthetic'),
        ('images', 4, 'synthetic', 'benign'),
        ('images', 0),
        ('annotations', 0),
        ('categories', 0),
        ('images',),
        ('annotations',),
        ('categories',),
        ('info',),
        ('info', 'dataset'),
        ('info', 'split'),
        ('categories', 0, 'name'),
        ('categories', 0, 'id'),
    ]
    return [
        (f'{path} = {str(value)[:40]!r}', path, value)
        for path in fields
        for value in VALUES
    ]


class Annotations(Fuzzer):
    """Altered annotation files in all that reads them."""

    name, seconds, in_suite = 'annotation files', 20.0, 20

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.root = folder / 'data'
        (self.root / 'images').mkdir(parents=True)
        (self.root / 'annotations').mkdir()
        rng = np.random.default_rng(0)
        for part, first in (('train', 1), ('val', 11)):
            data = sound(first, part)
            if part == 'val':
                del data['images'][4]['synthetic']
            for image in data['images']:
                pixels = rng.integers(1, 2**12, (HEIGHT, WIDTH)).astype(np.uint16)
                cv2.imwrite(str(self.root / image['file_name']), pixels)
            (self.root / f'annotations/{part}.json').write_bytes(dump(data))
        shutil.copy(self.root / 'images/val0.png', folder / 'outside.png')
        self.trees = known()

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        tree = sound(1, 'train')
        names = list(TEXTS)
        known_text, odd = divmod(number, 2)
        if known_text < len(names) and not odd:
            what = names[known_text]
            text = TEXTS[what](dump(tree))
        elif rng.random() < 0.5:
            what, path, value = self.trees[rng.integers(len(self.trees))]
            text = dump(changed(tree, path, value))
        else:
            what, text = at_random(tree, rng)
        ann_file = self.root / 'annotations/train.json'

        def call() -> str:
            ann_file.write_bytes(text)
            one = self._train(ann_file)
            other = self._verify()
            self._leakage()
            self._coco_classes()
            self._tool(number)
            if other - OF_FILES and not one:
                raise Fault(
                    'trained on, though verify_dataset calls it an error', str(other)
                )
            if 'not a COCO-exam file' in one and not other:
                raise Fault('refused in training, sound to verify_dataset', one)
            return 'refused' if one else 'read'

        return what, call

    def _train(self, ann_file: Path) -> str:
        """Return why training refuses the file, '' if it does not."""
        try:
            dataset = ExamDataset(
                ann_file=str(ann_file),
                data_root=str(self.root),
                data_prefix=dict(img=''),
                pipeline=[],
            )
            samples = [dataset.get_data_info(i) for i in range(len(dataset))]
        except (AnnotationError, FileNotFoundError) as error:
            print(error)
            return str(error)
        for view in (view for sample in samples for view in sample['views'].values()):
            path = osp.normpath(view['img_path'])
            if not path.startswith(str(self.root) + '/'):
                raise Fault('outside the data root', path)
            for box in (instance['bbox'] for instance in view['instances']):
                if (
                    not np.isfinite(box).all()
                    or min(box) < -1
                    or (box[2] > view['width'] + 1 or box[3] > view['height'] + 1)
                ):
                    raise Fault('box outside its image', str(box))
        return ''

    def _verify(self) -> set:
        """Return what verify_dataset calls an error."""
        out = self.folder / 'report.json'
        out.unlink(missing_ok=True)
        code, _ = run_command(
            'tools/verify_dataset.py', self.root, '--workers', '1', '--json', out
        )
        found = (
            {
                finding['check']
                for finding in json.loads(out.read_text())['findings']
                if finding['severity'] == 'error'
            }
            if out.exists()
            else {'usage'}
        )
        if code != (1 if found else 0):
            raise Fault('exit status', f'{code} with errors {found}')
        return found

    def _config(self, kind: str) -> Config:
        return Config(
            dict(
                default_scope='mmdet',
                **{
                    f'{part}_dataloader': dict(
                        dataset=dict(
                            type=kind,
                            ann_file=f'annotations/{part}.json',
                            data_root=str(self.root),
                            metainfo=dict(classes=('mass',)),
                        )
                    )
                    for part in ('train', 'val')
                },
            )
        )

    def _leakage(self) -> None:
        try:
            leakage.check_synthetic_sources(self._config('mammo.ExamDataset'))
        except (ConfigError, AnnotationError) as error:
            print(error)

    def _coco_classes(self) -> None:
        try:
            config_checks.check_annotation_files(self._config('CocoDataset'), ['train'])
        except (ConfigError, AnnotationError) as error:
            print(error)

    def _tool(self, number: int) -> None:
        """Run one of the commands that take an annotation file."""
        ann_file = self.root / 'annotations/train.json'
        words = [
            ('tools/build_lesion_bank.py', ann_file, '--out', self.folder / 'bank.npz'),
            (
                'tools/locate_nipples.py',
                '--contour',
                ann_file,
                '--overwrite',
                '--out',
                self.folder / 'nipples.json',
            ),
        ][number % 2]
        code, printed = run_command(*words)
        if code not in (0, 1, 2) or code and 'error: ' not in printed:
            raise Fault('exit status', f'{words[0]}: {code}: {printed[-300:]}')
        if str(self.folder / 'outside.png') in printed:
            raise Fault('outside the data root', printed[-300:])


def curve() -> dict:
    """Return a small FROC evaluation."""
    rng = np.random.default_rng(0)
    images = [
        ImageMatches(
            rng.random(4), np.array([0, -1, -1, 0]) - (i % 2), 1 - i % 2, i // 2
        )
        for i in range(8)
    ]
    return froc_summary(FROCData.from_images(images), 0.2, 'bbox', n_bootstrap=5)


class JsonFiles(Fuzzer):
    """Altered detections, curves, notes and settings."""

    name, seconds, in_suite = 'other JSON files', 20.0, 40

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kinds = [
            (
                self._detections,
                dict(
                    info={},
                    images=[
                        dict(img_id=1, detections=[dict(bbox=[1, 2, 3, 4], score=0.5)]),
                        dict(img_id=2, detections=[]),
                    ],
                ),
            ),
            (self._settings, dict(a=1, b=[1, 2])),
            (self._note, dict(config='a.py', checkpoint='b.pth')),
            (self._froc, curve()),
        ]

    def case(
        self, rng: np.random.Generator, number: int
    ) -> tuple[str, Callable[[], str]]:
        read, tree = self.kinds[number % len(self.kinds)]
        names = list(TEXTS)
        which = number // len(self.kinds)
        if which < len(names):
            what, text = names[which], TEXTS[names[which]](dump(tree))
        else:
            what, text = at_random(tree, rng)
        return f'{read.__name__}: {what}', lambda: read(text)

    def _detections(self, text: bytes) -> str:
        path = self.folder / 'detections.json'
        path.write_bytes(text)
        try:
            found = read_detections(path)
        except AnnotationError as error:
            print(error)
            return 'refused'
        for boxes, scores in found.values():
            if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
                raise Fault('not finite', str(boxes))
        return 'read'

    def _settings(self, text: bytes) -> str:
        folder = self.folder / 'run'
        folder.mkdir(exist_ok=True)
        (folder / 'settings.json').write_bytes(text)
        (folder / 'made.npz').touch()
        try:
            check_settings(folder, dict(a=1, b=[1, 2]), 'mend it')
        except (ConfigError, JsonError) as error:
            print(error)
            return 'refused'
        return 'read'

    def _note(self, text: bytes) -> str:
        folder = self.folder / 'tested'
        (folder / 'test').mkdir(parents=True, exist_ok=True)
        (folder / 'test/froc.json').touch()
        (folder / 'tested.json').write_bytes(text)
        with tested(Config(dict(work_dir=str(folder))), 'b.pth'):
            pass
        return 'read'

    def _froc(self, text: bytes) -> str:
        path = self.folder / 'froc.json'
        path.write_bytes(text)
        code, printed = run_command(
            'tools/analysis_tools/plot_froc.py', path, '--out', self.folder / 'froc.png'
        )
        if code not in (0, 2) or code and 'error: ' not in printed:
            raise Fault('exit status', f'{code}: {printed[-300:]}')
        return 'refused' if code else 'read'
