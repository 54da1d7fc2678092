"""Creating a data set of synthetic malignant breasts."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from tqdm import tqdm

from mammo_plugins.anatomy import CanonicalFrame, transform_boxes
from mammo_plugins.datasets import ExamDataset
from mammo_plugins.datasets.pipeline import Pipeline
from mammo_plugins.datasets.transforms import SynthesizeMalignancy
from mammo_plugins.engine.data_configs import innermost_datasets
from mammo_plugins.registry import DATASETS, SCOPE
from mammo_plugins.structures import AnnotationError
from mammo_plugins.structures.saliency import SaliencyMaps

from .config_loading import ConfigError
from .synthetic_set import SyntheticSet
from .trained_model import loading_steps


def loaded_breasts(cfg: Config, pipeline: Pipeline | None = None) -> ExamDataset:
    """Build the training breasts of a config, without augmentation.

    Args:
        cfg (Config): Config whose training set is an :class:`ExamDataset` of breasts
            with ``labels``, or wraps one.
        pipeline (list | dict, optional): Steps in order or by name. Defaults to
            ``None``: only load images as in the config.

    Raises:
        ConfigError: If the training set is another one.
    """
    (_, settings), *others = innermost_datasets(
        'train_dataloader.dataset', cfg.train_dataloader.dataset
    )
    if others or settings.get('target') != 'breast' or not settings.get('labels'):
        raise ConfigError(
            f'{cfg.filename}: train_dataloader.dataset is not an ExamDataset of '
            "breasts with labels (target='breast', labels=...)"
        )
    if pipeline is None:
        load = list(loading_steps(settings.pipeline))[:1]
        pipeline = [dict(type='ForEachView', transforms=load)]
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope', SCOPE)):
        return DATASETS.build(dict(settings, pipeline=pipeline))


def synthesis_stages(
    saliency: SaliencyMaps, beta: float, soft_mask: dict = dict(), **settings: Any
) -> dict[str, SynthesizeMalignancy]:
    """Return the rows of table 2 of the DIVF-Net paper by name.

    Args:
        saliency (SaliencyMaps): Maps that determine where to paste.
        beta (float): ``beta`` of Fourier adaptation.
        soft_mask (dict): As in :class:`SynthesizeMalignancy`, for the rows that use
            one. Defaults to its defaults.
        **settings: Settings of all rows, as in :class:`SynthesizeMalignancy`. With
            ``adapt='benign'`` the row '+ Fourier' is omitted, as it would show no
            effect.
    """
    stages = {
        'CutMix': dict(fourier_beta=None, soft_mask=None),
        '+ Fourier': dict(fourier_beta=beta, soft_mask=None),
        '+ soft mask': dict(fourier_beta=None, soft_mask=soft_mask),
        'all': dict(fourier_beta=beta, soft_mask=soft_mask),
    }
    if settings.get('adapt') == 'benign':
        del stages['+ Fourier']
    return {
        name: SynthesizeMalignancy(saliency, **settings, **chosen)
        for name, chosen in stages.items()
    }


class SyntheticExams(SyntheticSet):
    """Writes breasts of :class:`SynthesizeMalignancy`, with provenance.

    Args:
        dataset (ExamDataset): The training set, loaded but not packed.
        transform (SynthesizeMalignancy): Transform that creates the breasts.
        out (str | Path): Data root of the new set: ``images/`` and
            ``annotations/train.json``.
        seed (int): Seed of the choice of breasts and of all random choices. The same
            seed gives the same pixels. Defaults to 0.
        made_with (dict, optional): As in :class:`SyntheticSet`.
    """

    def __init__(
        self,
        dataset: ExamDataset,
        transform: SynthesizeMalignancy,
        out: Path,
        seed: int = 0,
        made_with: dict[str, Path] | None = None,
    ) -> None:
        super().__init__(dataset, out, seed, made_with)
        self.transform = transform
        self.labels = np.array(
            [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
        )
        self.donors = transform.donors(dataset)
        self._made: list[dict[str, dict]] = []  # pasted lesions, one entry per breast

    @property
    def balancing(self) -> int:
        """int: Number of breasts that balances the classes."""
        return max(0, int((self.labels == 0).sum() - (self.labels == 1).sum()))

    def cases(self, count: int) -> list[tuple[int, int, int]]:
        """Choose the benign breast, malignant breast and seed of each case.

        Benign breasts are used in random order, each once before any is repeated.

        Args:
            count (int): Number of cases.
        """
        rng = np.random.default_rng(self.seed)
        benign = np.flatnonzero(self.labels == 0)
        turns = -(-count // max(len(benign), 1))
        order = np.concatenate(
            [rng.permutation(benign) for _ in range(turns)] or [benign]
        )
        return [
            (int(i), int(rng.choice(self.donors)), int(rng.integers(2**31)))
            for i in order[:count]
        ]

    def panels(self, count: int, others: dict[str, SynthesizeMalignancy]) -> list[list]:
        """Show cases as in figure 4 of the paper, one row per view.

        Args:
            count (int): Number of breasts to try.
            others (dict[str, SynthesizeMalignancy]): Stages to show, by title.

        Returns:
            list[list[tuple]]: Rows of (title, image, box) for
            :func:`~mammo_plugins.visualization.synthesis.plot_panels`: the malignant view, the
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
                    transform_boxes(
                        facts[key],
                        CanonicalFrame.from_dict(shown['canonical_frame']).matrix,
                    )[0]
                    for key, shown in (('region', before[name]), ('lesion', view))
                )
                rows.append(
                    [
                        (f'reference, {name}', view['img'], lesion),
                        ('target', before[name]['img'], None),
                        *(
                            (title, result['views'][name]['img'], box)
                            for title, result in made.items()
                        ),
                    ]
                )
        return rows

    def write(self, count: int) -> Counter:
        """Write the data set; the annotation file last.

        Args:
            count (int): Number of breasts to try.

        Raises:
            AnnotationError: If nothing could be pasted.

        Returns:
            Counter: 'breasts', 'views', and 'without a place' if a lesion was larger
                than the breast or the breast had no saliency.
        """
        images: list[dict] = []
        annotations: list[dict] = []
        counts: Counter = Counter()
        for number, (benign, malignant, seed) in enumerate(
            tqdm(self.cases(count), desc='breasts', unit='breast'), 1
        ):
            results = self.transform.synthesize(
                self.dataset[benign], self.dataset[malignant], seed
            )
            if not results['synthesis']:
                counts['without a place'] += 1
                continue
            self._made.append(results['synthesis'])
            counts['breasts'] += 1
            counts['views'] += len(results['synthesis'])
            exam = f'synthetic_{self.seed}_{number:06d}'
            for name, view in results['views'].items():
                facts = results['synthesis'].get(name)
                image = self._write_view(view, facts, exam)
                image['id'] = len(images) + 1
                images.append(image)
                pasted = [] if facts is None else [self._pasted(view)]
                annotations += self.lesions(
                    image, view['img_id'], pasted, len(annotations)
                )
        if not images:
            raise AnnotationError(
                f'{self.dataset.ann_file}: nothing was pasted in {count} breasts; '
                'there is no benign breast, or none with saliency and room for the '
                'lesions'
            )
        self.write_annotations(images, annotations, 'Synthetic malignant breasts')
        return counts

    def summary(self) -> str:
        """Describe how the lesions of the written breasts were paired and placed."""
        paired = Counter(next(iter(breast.values()))['paired'] for breast in self._made)
        pairs = [breast for breast in self._made if len(breast) == 2]
        together = sum(
            all(facts['same_distance'] for facts in pair.values()) for pair in pairs
        )
        kept = np.quantile(
            [
                facts['saliency_kept']
                for breast in self._made
                for facts in breast.values()
            ],
            (0, 0.25, 0.5, 0.75),
        )
        return (
            f'lesions known in both views by lesion_id: {paired["lesion_id"]}, by '
            f'category and distance from the nipple: {paired["category"]}; of one '
            f'view only: {paired["one view"]}, without a match in the other view, '
            f'pasted in one: {paired["unpaired"]}\n'
            f'pairs at one distance from the nipple: {together}, view by view: '
            f'{len(pairs) - together}\n'
            'saliency kept, as a share of that of the best place in each view: '
            f'least {kept[0]:.2f}, quartiles {kept[1]:.2f}, {kept[2]:.2f}, '
            f'{kept[3]:.2f}'
        )

    def _write_view(self, view: dict, facts: dict | None, exam: str) -> dict[str, Any]:
        """Write one view."""
        record = self.records[view['img_id']]
        frame = CanonicalFrame.from_dict(view['canonical_frame'])
        image = self.write_pixels(view['img'], frame, record, exam)
        image['synthetic'] = dict(
            self.hashes, benign=record['file_name'], malignant=None
        )
        if facts is not None:
            image.update(
                {key: view[key] for key in ('birads', 'pathology', 'abnormal')}
            )
            image['synthetic'].update(
                facts, malignant=self.records[facts['malignant']]['file_name']
            )
        return image

    def _pasted(self, view: dict) -> dict:
        """Return the lesions pasted into a view, in pixels of its file."""
        lesion = view['instances'][-1]
        inverse = CanonicalFrame.from_dict(view['canonical_frame']).inverse
        return dict(
            lesion,
            bbox=transform_boxes(lesion['bbox'], inverse)[0],
            name=self.dataset.metainfo['classes'][lesion['bbox_label']],
        )
