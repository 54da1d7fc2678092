"""A data set of synthetic malignant breasts."""
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import tifffile
from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.transforms import SynthesizeMalignancy
from mammo_plugins.io import atomic_path, write_json
from mammo_plugins.registry import DATASETS, SCOPE
from mammo_plugins.structures import AnnotationError, load_coco_exam
from mammo_plugins.structures.saliency import SaliencyMaps
from mammo_plugins.version import __version__

from .command_line import ConfigError, innermost_datasets
from .trained_model import loading_steps

_LEVELS = 65535


def loaded_breasts(cfg: Config, pipeline: Optional[list] = None) -> ExamDataset:
    """Build the breasts that a config trains on, without their augmentation.

    Args:
        cfg (Config): Its training set is an :class:`ExamDataset` of breasts with
            ``labels``, or wraps one.
        pipeline (list, optional): Defaults to ``None``: images are loaded as in the
            config, and no more.

    Raises:
        ConfigError: If it is not.
    """
    (_, settings), *others = innermost_datasets(
        'train_dataloader.dataset', cfg.train_dataloader.dataset)
    if others or settings.get('target') != 'breast' or not settings.get('labels'):
        raise ConfigError(
            f'{cfg.filename}: train_dataloader.dataset is no ExamDataset of breasts '
            "with labels (target='breast', labels=...)")
    if pipeline is None:
        load = list(loading_steps(settings.pipeline))[:1]
        pipeline = [dict(type='ForEachView', transforms=load)]
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', SCOPE)):
        return DATASETS.build(dict(settings, pipeline=pipeline))


def synthesis_stages(saliency: SaliencyMaps, beta: float,
                     context: float) -> Dict[str, SynthesizeMalignancy]:
    """Return the rows of table 2 of the DIVF-Net paper by name.

    Args:
        saliency (SaliencyMaps): Where to paste.
        beta (float): Of Fourier adaptation.
        context (float): As in :class:`SynthesizeMalignancy`.
    """
    settings = {
        'CutMix': dict(fourier_beta=None, soft_mask=None),
        '+ Fourier': dict(fourier_beta=beta, soft_mask=None),
        '+ soft mask': dict(fourier_beta=None),
        'all': dict(fourier_beta=beta)
    }
    return {name: SynthesizeMalignancy(saliency, context=context, **chosen)
            for name, chosen in settings.items()}


class SyntheticExams:
    """Write breasts that :class:`SynthesizeMalignancy` makes, with provenance.

    Args:
        dataset (ExamDataset): The training set, loaded but not packed.
        transform (SynthesizeMalignancy): Makes them.
        out (str | Path): Data root of the new set: ``images/`` and
            ``annotations/train.json``.
        seed (int): Of the choice of breasts and of all that is drawn. The same seed
            gives the same pixels. Defaults to 0.
    """

    def __init__(self,
                 dataset: ExamDataset,
                 transform: SynthesizeMalignancy,
                 out: Path,
                 seed: int = 0) -> None:
        self.dataset = dataset
        self.transform = transform
        self.out = Path(out)
        self.seed = seed
        self.original = load_coco_exam(dataset.ann_file)
        self._record = {image['id']: image for image in self.original['images']}
        self._annotations: Dict[int, List[dict]] = {i: [] for i in self._record}
        for annotation in self.original['annotations']:
            self._annotations[annotation['image_id']].append(annotation)
        self._category = {c['name']: c['id'] for c in self.original['categories']}
        self._check_out()
        self.labels = np.array([
            dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))])
        self.donors = transform.donors(dataset)

    def _check_out(self) -> None:
        """Leave alone what is not of this class's making."""
        ann_file = self.out / 'annotations/train.json'
        if ann_file.is_file() and not any(
                'synthetic' in image for image in load_coco_exam(ann_file)['images']):
            raise ConfigError(f'{ann_file}: is there and holds no synthetic images; '
                              'give --out another folder')

    @property
    def balancing(self) -> int:
        """int: How many make both classes equally frequent."""
        return max(0, int((self.labels == 0).sum() - (self.labels == 1).sum()))

    def cases(self, count: int) -> List[Tuple[int, int, int]]:
        """Choose benign breast, malignant breast and seed of each case.

        Benign breasts are taken in turn, in random order, so that none comes
        twice before all have come.

        Args:
            count (int): How many.
        """
        rng = np.random.default_rng(self.seed)
        benign = np.flatnonzero(self.labels == 0)
        turns = -(-count // max(len(benign), 1))
        order = np.concatenate(
            [rng.permutation(benign) for _ in range(turns)] or [benign])
        return [(int(i), int(rng.choice(self.donors)), int(rng.integers(2**31)))
                for i in order[:count]]

    def panels(self, count: int,
               others: Dict[str, SynthesizeMalignancy]) -> List[list]:
        """Show cases as in figure 4 of the paper, a row a view.

        Args:
            count (int): How many breasts to try.
            others (dict[str, SynthesizeMalignancy]): Stages to show, by title.

        Returns:
            list[list[tuple]]: Rows of (title, image, box) for
            :func:`~mammo_plugins.visualization.plot_panels`: the malignant view, the
            benign one, and each of ``others``.
        """
        rows = []
        for transform in others.values():
            transform.donors(self.dataset)
        for benign, malignant, seed in self.cases(count):
            donor = self.dataset[malignant]
            made = {
                title: transform.synthesize(self.dataset[benign], donor, seed)
                for title, transform in others.items()
            }
            before = self.dataset[benign]['views']
            for name, facts in next(iter(made.values()))['synthesis'].items():
                view = donor['views'][name]
                box, lesion = (
                    transform_boxes(facts[key], CanonicalFrame.from_dict(
                        shown['canonical_frame']).matrix)[0]
                    for key, shown in (('region', before[name]), ('lesion', view)))
                rows.append([
                    (f'reference, {name}', view['img'], lesion),
                    ('target', before[name]['img'], None),
                    *((title, result['views'][name]['img'], box)
                      for title, result in made.items())])
        return rows

    def write(self, count: int) -> Counter:
        """Write the data set; the annotation file last.

        Args:
            count (int): How many breasts to try.

        Raises:
            AnnotationError: If nothing could be pasted.

        Returns:
            Counter: 'breasts', 'views', and 'without a place' where a lesion was
            larger than the breast or the breast had no saliency.
        """
        images: List[dict] = []
        annotations: List[dict] = []
        counts: Counter = Counter()
        for number, (benign, malignant, seed) in enumerate(
                tqdm(self.cases(count), desc='breasts', unit='breast'), 1):
            results = self.transform.synthesize(
                self.dataset[benign], self.dataset[malignant], seed)
            if not results['synthesis']:
                counts['without a place'] += 1
                continue
            counts['breasts'] += 1
            counts['views'] += len(results['synthesis'])
            exam = f'synthetic_{self.seed}_{number:06d}'
            for name, view in results['views'].items():
                facts = results['synthesis'].get(name)
                image = self._write_view(view, facts, exam)
                image['id'] = len(images) + 1
                images.append(image)
                annotations += self._lesions(view, facts, image, len(annotations))
        if not images:
            raise AnnotationError(
                f'{self.dataset.ann_file}: nothing was pasted in {count} breasts; '
                'there is no benign breast, or none with saliency and room for the '
                'lesions')
        write_json(self.out / 'annotations/train.json', dict(
            info=dict(
                self.original['info'],
                dataset=f"synthetic, of {self.original['info']['dataset']}",
                description='Synthetic malignant breasts for training only; '
                'images[].synthetic says how each view was made',
                converter_version=__version__, split='train',
                split_seed=self.seed),
            images=images, annotations=annotations,
            categories=self.original['categories']))
        return counts

    def _write_view(self, view: dict, facts: Optional[dict],
                    exam: str) -> Dict[str, Any]:
        """Write the pixels of one view in the frame of its original file."""
        record = self._record[view['img_id']]
        image = dict(record, exam_id=exam)
        name = f"images/{exam}/{record['laterality']}_{record['view']}.tif"
        # floats state their range, which 16-bit pictures do not
        pixels = np.rint(view['img'] * _LEVELS).astype(np.float32) / _LEVELS
        frame = CanonicalFrame.from_dict(view['canonical_frame'])
        with atomic_path(self.out / name) as temporary:
            tifffile.imwrite(temporary, frame.image_to_source(pixels),
                             compression='zlib')
        image['file_name'] = name
        image['synthetic'] = dict(benign=record['file_name'], malignant=None)
        if facts is not None:
            lesion = view['instances'][-1]
            image.update(
                birads=lesion['birads'], pathology=lesion['pathology'],
                abnormal=True)
            image['synthetic'].update(
                facts, malignant=self._record[facts['malignant']]['file_name'])
        return image

    def _lesions(self, view: dict, facts: Optional[dict], image: dict,
                 before: int) -> List[dict]:
        """Return the benign view's own annotations, and that of what was pasted."""
        found = [dict(annotation) for annotation in self._annotations[view['img_id']]]
        for annotation in found:
            if annotation['lesion_id'] is not None:
                annotation['lesion_id'] = (
                    f"{image['exam_id']}_{annotation['lesion_id']}")
        if facts is not None:
            lesion = view['instances'][-1]
            inverse = CanonicalFrame.from_dict(view['canonical_frame']).inverse
            x1, y1, x2, y2 = transform_boxes(lesion['bbox'], inverse)[0].tolist()
            name = self.dataset.metainfo['classes'][lesion['bbox_label']]
            found.append(dict(
                category_id=self._category[name],
                bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1),
                iscrowd=0, segmentation=[], birads=lesion['birads'],
                pathology=lesion['pathology'],
                lesion_id=f"{image['exam_id']}_pasted"))
        for k, annotation in enumerate(found, before + 1):
            annotation.update(id=k, image_id=image['id'])
        return found
