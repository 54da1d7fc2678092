"""The base class of the inferencers of all tasks."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from tqdm import tqdm

from mammo_plugins.anatomy import transform_points
from mammo_plugins.datasets import ExamDataset, LoadMammogram, PatchDataset
from mammo_plugins.io import temporary_folder
from mammo_plugins.registry import DATASETS, INFERENCERS
from mammo_plugins.stopping import raise_if_stopped, stop_arrived
from mammo_plugins.structures.exam_files import FoundExams, Paths, find_exams, paths_of
from mammo_plugins.structures.exam_sources import common_folder
from mammo_plugins.structures.multi_view_data_sample import views_of
from mammo_plugins.structures.pixel_size import network_pixel_size, pixel_size_warning
from mammo_plugins.version import __version__
from mammo_plugins.visualization import ViewPanel, draw_four_view

from ..calibration import calibration_of
from ..config_loading import ConfigError
from ..nipple_locator import NippleLocator
from ..trained_model import TrainedModel
from ..work_dir import ensemble_names
from .exam_data import exam_dataset
from .figures import Figures, least_score
from .loaded_exam import LoadedExam, skipped_entry
from .prediction_writer import PredictionWriter, files_digest, run_key


def inferencer_type(config: Config) -> type['ExamInferencer']:
    """Return the inferencer class for a config's task.

    It is the one that the config names, ``inferencer = dict(type='...')``, or otherwise
    the one for the ``target`` of its test set.

    Args:
        config (Config): Config of a model.

    Raises:
        ConfigError: If there is none.
    """
    named = config.get('inferencer')
    if named is not None:
        alone = isinstance(named, dict) and set(named) == {'type'}
        kind = named['type'] if alone else None
        cls = INFERENCERS.get(kind) if kind and isinstance(kind, str) else kind
        if not (
            isinstance(cls, type)
            and issubclass(cls, ExamInferencer)
            and not cls.__abstractmethods__
        ):
            raise ConfigError(
                f'{config.filename}: inferencer: {named}; expected the type of an '
                'ExamInferencer and nothing else, such as '
                "dict(type='DetectionInferencer'); one of your own is known when "
                'custom_imports names its module'
            )
        return cls
    target = _test_set(config).get('target', 'view')
    INFERENCERS.import_from_location()
    for cls in INFERENCERS.module_dict.values():
        if getattr(cls, 'target', None) == target:
            return cls
    raise ConfigError(
        f'{config.filename}: test_dataloader.dataset.target: {target!r} has no '
        "inferencer; name it by inferencer=dict(type='...')"
    )


def _test_set(config: Config) -> ConfigDict:
    if config.get('test_dataloader') is None:
        raise ConfigError(
            f'{config.filename}: no test_dataloader, whose dataset defines what '
            'is predicted for an exam; a generator creates images with mammo '
            'blend'
        )
    return config.test_dataloader.dataset


class ExamInferencer(TrainedModel, ABC):
    """A trained model, ready to run on files of exams.

    It finds the files, groups them into exams and reads them. Subclasses in the
    registry ``INFERENCERS`` define a task. Calling this class itself creates the one
    for the config's task (:func:`inferencer_type`). The steps for each exam are

    1. :meth:`preprocess`: create samples with the dataset and pipeline of the config's
       ``test_dataloader``, so a multi-view model finds partner views as in training;
    2. :meth:`forward`: run the model;
    3. :meth:`postprocess`: create the entry in ``predictions.json``;
    4. :meth:`visualize`: draw the pictures for that entry.

    A new task defines the last two.

    Args:
        config, checkpoint, device, trust_checkpoint, ensemble, tta, precision: As in
            :class:`TrainedModel`.
        nipple_locator (NippleLocator, optional): Finds the nipples. Defaults to
            ``None``: the test pipeline's ``LocateNipple`` finds them, if it has one.
        calibration (str, optional): A file of ``mammo calibrate``, or 'none'. Defaults
            to ``None``: the file next to the checkpoint, if it exists.

    Attributes:
        target (str, optional): Target of the
            :class:`~mammo_plugins.datasets.ExamDataset`; ``None`` for any.
        classes (Sequence[str]): Classes of the data set.

    Raises:
        CheckpointError: If the checkpoint is unsafe or belongs to another model.
        ConfigError: If the config's test set is for another task, cannot be created
            from files, or has no ``LoadMammogram``.

    Example:
        >>> inferencer = ExamInferencer('config.py', 'epoch_14.pth')
        >>> result = inferencer('exams/', out_dir='out')
        >>> result['exams'][0]['views'][0]['detections'][0]['bbox']
    """

    target: str | None = None

    def __new__(
        cls, config: str | Path | Config | None = None, *args, **kwargs
    ) -> 'ExamInferencer':
        if cls is ExamInferencer and config is not None:
            if not isinstance(config, Config):
                config = Config.fromfile(config)
            cls = inferencer_type(config)
        return super().__new__(cls)

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        trust_checkpoint: bool = False,
        nipple_locator: NippleLocator | None = None,
        ensemble: Sequence[str | Path] = (),
        tta: str | None = None,
        calibration: str | None = None,
        precision: str = 'fp32',
    ) -> None:
        super().__init__(
            config, checkpoint, device, trust_checkpoint, ensemble, tta, precision
        )
        self.calibration = calibration_of(self.checkpoints, tta, calibration)
        self.nipple_locator = nipple_locator
        self.dataset_cfg = copy.deepcopy(_test_set(self.config))
        self._check_test_set()
        self.names = dict(
            config=Path(self.config.filename or '').name,
            checkpoint=Path(checkpoint).name,
            **ensemble_names(ensemble, tta),
        )
        if self.precision != 'fp32':
            self.names['precision'] = self.precision

    def _check_test_set(self) -> None:
        """Set ``classes``; refuse a test set that cannot be created from files."""
        cfg, name = self.dataset_cfg, self.config.filename
        with DATASETS.switch_scope_and_registry(self.scope):
            dataset = DATASETS.get(cfg.type)
        if not (
            isinstance(dataset, type)
            and issubclass(dataset, ExamDataset)
            and not issubclass(dataset, PatchDataset)
        ):
            raise ConfigError(
                f'{name}: test_dataloader.dataset.type: {cfg.type}; expected an '
                'ExamDataset, whose samples are views, breasts, pairs or exams'
            )
        if self.target not in (None, cfg.get('target', 'view')):
            raise ConfigError(
                f'{name}: test_dataloader.dataset.target: '
                f'{cfg.get("target", "view")!r}; {type(self).__name__} needs '
                f'{self.target!r}'
            )
        self.classes = cfg.get('metainfo', {}).get(
            'classes', dataset.METAINFO['classes']
        )

    def __call__(
        self,
        path: Paths,
        out_dir: str | Path | None = None,
        score_thr: float = 0.2,
        group_by: str = 'study',
        figures: str = 'all',
    ) -> dict[str, Any]:
        """Run on files, or on folders with their subfolders.

        Args:
            path (str | Path | Sequence[str | Path]): A file, a folder, or several of
                them, with DICOM files or pictures of exams among any others.
            out_dir (str | Path, optional): Folder for ``predictions.json`` and, if
                there are exams, one ``<exam>.png`` each, or for models of pairs one
                ``<exam>_<view>.png`` per projection. Finished exams are written to
                ``predictions.jsonl``; the same call resumes. Defaults to ``None``.
            score_thr (float): Minimum score of a box in the pictures; the predictions
                contain every box. Defaults to 0.2.
            group_by (str): As in :func:`find_exams`. Defaults to 'study'.
            figures (str): As in :func:`~.figures.least_score`. Defaults to 'all'.

        Returns:
            dict: Content of ``predictions.json``; see docs/reference/predictions.md.

        Raises:
            FileNotFoundError: If a file or folder does not exist.
            ConfigError: If ``out_dir`` contains results of another run.
        """
        path = paths_of(path)  # only once: it may be an iterator
        root = common_folder(path)
        drawn = Figures(out_dir and Path(out_dir), score_thr, least_score(figures))
        info, writer = self.info(), None
        if out_dir is not None:
            files = [str(each.resolve()) for each in path]
            info['run'] = self.run_key(files, score_thr, group_by, figures)
            writer = PredictionWriter(out_dir, info)
        found = find_exams(path, self.modality, group_by)
        skipped = [skipped_entry(root, *entry) for entry in found.skipped]
        done: dict[str, tuple[dict | None, list[dict]]] = {}
        keys, complete = list(found.exams), False
        try:
            for key in tqdm(keys, desc='exams', unit='exam'):
                raise_if_stopped()
                done[key] = self._exam(key, found, root, writer, drawn)
            complete = True
        finally:
            stop_arrived()
            if writer is not None:
                writer.read_again()
                for line in writer.lines(key for key in keys if key in found.exams):
                    done[line['exam_id']] = line['exam'], line['skipped']
            outcomes = [done[key] for key in keys if key in done]
            result = dict(
                info=dict(info, complete=complete),
                notes=found.notes,
                exams=[exam for exam, _ in outcomes if exam is not None],
                skipped=skipped + [entry for _, unused in outcomes for entry in unused],
            )
            if writer is not None:
                writer.join(result)
        return result

    @property
    def modality(self) -> str | Sequence[str]:
        """str or list[str]: Kind of image for the model, as in :func:`find_exams`."""
        return self.dataset_cfg.get('modality') or 'FFDM'

    def info(self) -> dict[str, Any]:
        """Return the description of the model in ``predictions.json``."""
        return dict(
            format='mammo_plugins predictions',
            version=__version__,
            research_use_only=True,
            **self.names,
        )

    def run_key(self, files: Sequence[str], *options: Any) -> str:
        """Return a digest of everything but the images that results depend on.

        Args:
            files (Sequence[str]): Files that specify the images.
            *options: Options of the run.
        """
        models = [self] if self.nipple_locator is None else [self, self.nipple_locator]
        calibration = self.calibration and self.calibration.facts
        return run_key(
            models,
            files,
            [
                self.names.get('tta'),
                self.precision,
                calibration,
                *options,
            ],
        )

    def _exam(
        self,
        key: str,
        found: FoundExams,
        root: Path,
        writer: PredictionWriter | None,
        figures: Figures,
    ) -> tuple[dict | None, list[dict]]:
        """Return an exam's entry, and the entries of its unused files."""
        made_of = files_digest(key, found)
        if writer is not None:
            done = writer.get(key, made_of)
            if done is not None:
                return done['exam'], done['skipped']
        before, entry = len(found.skipped), None
        with temporary_folder() as cache:
            exam = self.read_exam(key, found, root, cache)
            if exam is not None:
                entry = self.predict(exam, figures)
        skipped = [skipped_entry(root, *each) for each in found.skipped[before:]]
        if writer is not None and entry is not None:
            writer.add(key, made_of, entry, skipped)
        return entry, skipped

    def read_exam(
        self, key: str, found: FoundExams, root: Path, cache: Path
    ) -> LoadedExam | None:
        """Return an exam with all pixels read, ``None`` if it is unusable.

        Args:
            key (str), found (FoundExams), root (Path): As in :meth:`LoadedExam.read`.
            cache (Path): Folder for the pixel cache.
        """
        loader = LoadMammogram(cache_dir=str(cache), **self.loading_options)
        return LoadedExam.read(key, found, loader, root, self.needed_views())

    def predict(
        self, exam: LoadedExam, figures: Figures, batches: Iterable[dict] | None = None
    ) -> dict[str, Any]:
        """Return an exam's entry in ``predictions.json``, and draw it.

        Args:
            exam (LoadedExam): Exam of :meth:`read_exam`.
            figures (Figures): Whether and where it is drawn.
            batches (Iterable[dict], optional): Batches of :meth:`preprocess`, if
                already computed, which is possible without a nipple locator.
        """
        if batches is None:
            self._locate_nipples(exam)
            batches = self.preprocess(exam)
        predictions = [sample for data in batches for sample in self.forward(data)]
        entry = dict(
            exam_id=exam.key,
            warnings=exam.doubts,
            **self.postprocess(exam, predictions),
        )
        if self.calibration is not None:
            self.calibration.apply(entry)
        if figures.wanted(entry):
            figures.folder.mkdir(parents=True, exist_ok=True)
            self.visualize(exam, predictions, entry, figures.folder, figures.score_thr)
        return entry

    def needed_views(self) -> Sequence[str]:
        """Return the views without which an exam is skipped; here none."""
        return ()

    def _locate_nipples(self, exam: LoadedExam) -> None:
        """Set the nipples found by the locator."""
        if self.nipple_locator is None:
            return
        for name in exam.views:
            image, frame = exam.load(name)
            point = self.nipple_locator(image)
            if point is not None:
                exam.nipples[name] = tuple(
                    transform_points(point, frame.inverse).tolist()
                )

    def preprocess(self, exam: LoadedExam) -> Iterator[dict]:
        """Yield collated samples: partner views share a batch.

        A multi-view model encodes each image of a batch once, even if it has several
        roles. Single views are not padded to the size of others.

        Args:
            exam (LoadedExam): The exam.
        """
        dataset = exam_dataset(exam, self.dataset_cfg, self.classes, self.scope)
        samples = [dataset[i] for i in range(len(dataset))]
        if samples and isinstance(samples[0]['inputs'], dict):
            yield pseudo_collate(samples)
        else:
            yield from (pseudo_collate([sample]) for sample in samples)

    @torch.no_grad()
    def forward(self, data: dict) -> list[BaseDataElement]:
        """Return the model's predictions.

        Args:
            data (dict): A batch of :meth:`preprocess`.
        """
        return self.model.test_step(data)

    @abstractmethod
    def postprocess(
        self, exam: LoadedExam, predictions: list[BaseDataElement]
    ) -> dict[str, Any]:
        """Return an exam's entry in ``predictions.json`` without name and warnings.

        Args:
            exam (LoadedExam): The exam.
            predictions (list[BaseDataElement]): Results of :meth:`forward`, all of
                them.

        Returns:
            dict: ``views`` from :meth:`view_entries`, and further JSON data.
        """

    @abstractmethod
    def visualize(
        self,
        exam: LoadedExam,
        predictions: list[BaseDataElement],
        entry: dict[str, Any],
        out_dir: Path,
        score_thr: float,
    ) -> None:
        """Draw an exam and add the names of its pictures to its entry.

        Args:
            exam (LoadedExam), predictions (list): As in :meth:`postprocess`.
            entry (dict): The exam's entry, which gets the names as ``figure`` or under
                a key that ends in ``_figure``.
            out_dir (Path): Folder to write to.
            score_thr (float): Minimum score of a box.
        """

    def view_entries(
        self,
        exam: LoadedExam,
        predictions: list[BaseDataElement],
        said: Mapping[str, dict],
        remarks: Mapping[str, str] = {},
    ) -> list[dict]:
        """Return the entries of an exam's views.

        Args:
            exam (LoadedExam), predictions (list): As in :meth:`postprocess`.
            said (dict[str, dict]): The model's results for each view, by view name.
            remarks (dict[str, str]): Additional warnings. Defaults to none.
        """
        sizes = {}
        for view in (view for sample in predictions for view in views_of(sample)):
            text = pixel_size_warning(
                network_pixel_size(view.metainfo), self.trained_pixel_size
            )
            if text:
                sizes[exam.name_of(view)] = text
        return [
            exam.view_entry(
                name,
                [texts[name] for texts in (sizes, remarks) if name in texts],
                **said.get(name, {}),
            )
            for name in exam.views
        ]

    @staticmethod
    def draw_views(
        exam: LoadedExam,
        panels: dict[str, ViewPanel],
        text: str,
        out_dir: Path,
        suffix: str = '',
    ) -> str:
        """Draw the views of an exam.

        Args:
            exam (LoadedExam): The exam.
            panels (dict[str, ViewPanel]): Panels by view.
            text (str): Description of the picture.
            out_dir (Path): Folder to write to.
            suffix (str): Suffix of the file name. Defaults to none.

        Returns:
            str: The picture's name.
        """
        name = f'{exam.key}{suffix}.png'
        draw_four_view(panels, out_dir / name, exam.title(text))
        return name
