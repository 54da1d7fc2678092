"""An exam with its pixels read, as the input of a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import BaseDataElement

from mammo_plugins.anatomy import CanonicalFrame, opencv_affine
from mammo_plugins.datasets import LoadMammogram
from mammo_plugins.io import DicomWarnings, MammogramError
from mammo_plugins.io.image_kind import screening_rank
from mammo_plugins.io.reading_warnings import ReadingWarning
from mammo_plugins.structures.exam_files import FoundExams, FoundView
from mammo_plugins.structures.exam_sources import file_below


@dataclass
class LoadedExam:
    """An exam with readable pixels.

    Attributes:
        key (str): Key of the exam.
        views (dict[str, FoundView]): Its files by view. The ``img_id`` of a view's
            sample is its index in this dict.
        frames (dict[str, CanonicalFrame]): Position of the breast in each.
        loader (LoadMammogram): Reads the files, with a pixel cache.
        root (Path): Folder to which file names in predictions are relative.
        doubts (list[str]): Signs that the files are not of one exam.
        nipples (dict[str, tuple[float]]): (x, y) in pixels of the file, by view, if a
            detector found them.
    """

    key: str
    views: dict[str, FoundView]
    frames: dict[str, CanonicalFrame]
    loader: LoadMammogram
    root: Path
    doubts: list[str] = field(default_factory=list)
    nipples: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        key: str,
        found: FoundExams,
        loader: LoadMammogram,
        root: Path,
        needed: Sequence[str] = (),
    ) -> Optional['LoadedExam']:
        """Read all pixels of an exam; list views that cannot be read.

        If a view has several images, the first readable one is used.

        Args:
            key (str): Key of the exam.
            found (FoundExams): Contains the exam. An unusable exam, view or file is
                removed from ``exams`` and listed in ``skipped``.
            loader (LoadMammogram): With a pixel cache.
            root (Path): Folder to which file names in predictions are relative.
            needed (Sequence[str]): Views without which an exam is unusable. Defaults to
                none.

        Returns:
            LoadedExam or None: ``None`` if the exam is unusable.
        """
        frames = {}
        for name, first in list(found.exams[key].items()):
            images = [first, *first.others]
            while images:
                view = images.pop(0)
                try:
                    with DicomWarnings():  # reported with the headers
                        frames[name] = loader.load(
                            str(view.path), view.laterality, view.view
                        )[1]
                except MammogramError as error:
                    found.skipped.append((view.path, error.reason))
                    continue
                view.others = images
                found.settle(key, name, view)
                break
            else:
                del found.exams[key][name]
        views = found.exams[key]
        missing = [name for name in needed if name not in views]
        if missing:
            found.skipped += [
                (view.path, f'the exam has no {", ".join(missing)}')
                for view in views.values()
            ]
        if missing or not views:
            del found.exams[key]
            return None
        return cls(key, views, frames, loader, root, found.doubts.get(key, []))

    def title(self, text: str = '') -> str:
        """Return the title of a picture.

        Args:
            text (str): Description of the picture. Defaults to nothing.
        """
        return f'exam {self.key}{text and ", "}{text}\nresearch use only'

    def load(self, name: str) -> tuple[np.ndarray, CanonicalFrame]:
        """Return a view's pixels, (H, W) in [0, 1], and their canonical frame.

        Args:
            name (str): Name of the view.
        """
        view = self.views[name]
        return self.loader.load(str(view.path), view.laterality, view.view)

    def name_of(self, sample: DetDataSample) -> str:
        """Return the name of a sample's view."""
        return list(self.views)[sample.img_id]

    def in_file(self, image: torch.Tensor, sample: DetDataSample) -> np.ndarray:
        """Map an image from the network's input to the pixels of the file.

        Args:
            image (Tensor): (H, W).
            sample (DetDataSample): Sample of the view.
        """
        file = self.views[self.name_of(sample)]
        return cv2.warpAffine(
            image.cpu().numpy(),
            opencv_affine(sample.homography_matrix),
            (file.width, file.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )

    def annotations(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the exam as a COCO-exam JSON without annotations.

        Args:
            classes (Sequence[str]): Names of the categories.
        """
        return dict(
            info=dict(dataset='inference', split=None),
            images=[
                dict(
                    id=i,
                    file_name=str(view.path.resolve()),
                    source=view.path.name,
                    width=view.width,
                    height=view.height,
                    exam_id=self.key,
                    patient_id=self.key,
                    laterality=view.laterality,
                    view=view.view,
                    modality=view.modality,
                    pixel_spacing_mm=_listed(view.pixel_spacing_mm),
                    nipple=_listed(self.nipples.get(name)),
                    nipple_source='detector' if name in self.nipples else None,
                    breast_bbox=None,
                    birads=None,
                    density=None,
                    abnormal=None,
                )
                for i, (name, view) in enumerate(self.views.items())
            ],
            annotations=[],
            categories=[dict(id=i + 1, name=name) for i, name in enumerate(classes)],
        )

    def view_entry(
        self, name: str, remarks: Sequence[str] = (), **said: Any
    ) -> dict[str, Any]:
        """Return the entry of a view in ``predictions.json``.

        Args:
            name (str): Name of the view.
            remarks (Sequence[str]): Warnings in addition to those of the file. Defaults
                to none.
            **said: The model's results for the view.
        """
        view, frame = self.views[name], self.frames[name]
        warnings = [str(ReadingWarning(*warning)) for warning in frame.warnings]
        if screening_rank(view.kind):
            warnings.append(
                f'{view.kind} image: no full-field image of this view can be used'
            )
        warnings += frame.remarks(view.laterality)
        if not frame.found:
            warnings.append(
                'the breast could not be separated from the background; the '
                'whole image was used'
            )
        if view.burned_in:
            warnings.append(
                'the header states that text is burned into the pixels, possibly '
                'about the patient: check before you share'
            )
        return dict(
            file=file_below(self.root, view.path),
            laterality=view.laterality,
            view=view.view,
            modality=view.modality,
            image_kind=view.kind,
            width=view.width,
            height=view.height,
            pixel_spacing_mm=_listed(view.pixel_spacing_mm),
            warnings=[*warnings, *remarks],
            **said,
        )


def _listed(values: Sequence[float] | None) -> list[float] | None:
    """Return numbers as JSON types."""
    return None if values is None else list(values)


def probability_of(sample: BaseDataElement) -> float:
    """Return the probability of the second of two classes.

    Args:
        sample (BaseDataElement): Sample with ``pred_score`` (2, ).
    """
    return round(float(sample.pred_score[1]), 6)


def skipped_entry(root: Path, file: Path, reason: str) -> dict[str, str]:
    """Return the entry of an unused file in ``predictions.json``.

    Args:
        root (Path): Folder to which file names are relative.
        file (Path): The file.
        reason (str): Why the file was not used.
    """
    return dict(file=file_below(root, file), reason=reason)
