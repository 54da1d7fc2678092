"""Creating and writing all objects of an exam."""

import importlib
import warnings
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from mammo_plugins.io import DicomWarnings, MammogramError, atomic_path
from mammo_plugins.printable import one_line

from ..prediction_file import ExportError, PredictionFile, image_of, view_name


def need_highdicom() -> None:
    """Import highdicom.

    Raises:
        ExportError: If it is not installed; the message states the remedy.
    """
    try:
        importlib.import_module('highdicom')
    except ImportError as error:
        raise ExportError(
            f'DICOM objects need highdicom, which cannot be imported ({error}); '
            "run: pip install 'mammo_plugins[dicom]'"
        ) from None


class DicomExport:
    """Writes the objects of exams: a report, presentation states, segmentations.

    Each exam has one report ``<exam>_report.dcm``. Each of its views has a presentation
    state ``<exam>_<view>_presentation.dcm`` and, if masses were segmented, a
    segmentation ``<exam>_<view>_masses.dcm``.

    Args:
        predictions (PredictionFile): The results.
        images (str | Path): The folder given to inference.
        out_dir (str | Path): Folder to write to.
        score_thr (float): Minimum score of a detection in the objects.
        keep_identity (bool): Whether objects repeat patient and study data of the
            images. Defaults to False.

    Attributes:
        written (Counter): Objects by kind.
        skipped (list[tuple[str, str]]): Files, or findings of files, that are in no
            object, with the reason.

    Raises:
        ExportError: If highdicom is not installed, or the folder contains objects of
            other exams, or of these by another run or with other options.
    """

    def __init__(
        self,
        predictions: PredictionFile,
        images: str | Path,
        out_dir: str | Path,
        score_thr: float,
        keep_identity: bool = False,
    ) -> None:
        need_highdicom()
        self.predictions = predictions
        self.images, self.out_dir = Path(images), Path(out_dir)
        self.score_thr, self.keep_identity = score_thr, keep_identity
        self.written: Counter = Counter()
        self.skipped: list[tuple[str, str]] = []
        self._refuse_others()
        self._made_at = datetime.fromtimestamp(
            int(predictions.path.stat().st_mtime), timezone.utc
        ).replace(tzinfo=None)

    def _refuse_others(self) -> None:
        """Refuse a folder with objects of exams that are not in the predictions."""
        there = {path.name for path in self.out_dir.glob('*_*.dcm')}
        if not there:
            return
        exams = {exam['exam_id'] for exam in self.predictions}
        others = [name for name in there if name.partition('_')[0] not in exams]
        if others:
            raise ExportError(
                f'{one_line(self.out_dir)}: contains {len(others)} DICOM objects of '
                f'other exams, such as {one_line(min(others))}; choose another folder'
            )

    def _refuse_another_run(self, path: Path, made: Dataset) -> None:
        """Refuse to replace an object by another: its UID depends on the run."""
        try:
            there = dcmread(path, specific_tags=['SOPInstanceUID'])
        except FileNotFoundError:
            return
        except (InvalidDicomError, OSError, ValueError, KeyError):
            there = Dataset()
        if there.get('SOPInstanceUID') != made.SOPInstanceUID:
            raise ExportError(
                f'{one_line(path)}: is an object of another run, or made with other '
                'options; it is left unchanged. Choose another folder'
            )

    def __call__(self, exam: dict[str, Any]) -> None:
        """Write the objects of an exam.

        Args:
            exam (dict): Its entry in the predictions.
        """
        # warnings and logs of libraries quote names and dates
        with DicomWarnings(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            self._write(exam)

    def _write(self, exam: dict[str, Any]) -> None:
        # these modules need highdicom
        from .origin import Origin
        from .presentation import presentation_state
        from .report import exam_report
        from .segmentation import segmentation

        sources = self._sources(exam)
        if not sources:
            return
        origin = Origin(
            self.predictions.info,
            exam,
            f'{self.score_thr} {self.keep_identity} '
            + ' '.join(source.header.SOPInstanceUID for source in sources.values()),
            self._made_at,
        )
        views = [view for view in exam['views'] if view['file'] in sources]
        regions = {view['file']: self._regions(view) for view in views}
        (first, *_) = sources.values()
        made = {
            'report': (
                first,
                exam_report(exam, sources, regions, origin, self._remark(exam)),
            )
        }
        for number, view in enumerate(views, 1):
            source, found = sources[view['file']], regions[view['file']]
            name = view_name(view)
            if 'detections' in view or 'masses' in view:
                made[f'{name}_presentation'] = (
                    source,
                    presentation_state(view, number, source, found, origin),
                )
            if view.get('masses'):
                outlines = [mass['outline'] for mass in view['masses']]
                made[f'{name}_masses'] = (
                    source,
                    segmentation(name, number, source, outlines, origin),
                )
        for name, (source, each) in made.items():
            file_name = f'{exam["exam_id"]}_{name}.dcm'.replace(' ', '_')
            origin.finish(each, source.identity)
            self._refuse_another_run(self.out_dir / file_name, each)
            with atomic_path(self.out_dir / file_name) as temporary:
                each.save_as(temporary, enforce_file_format=True)
            self.written[name.rpartition('_')[2]] += 1

    def _remark(self, exam: dict[str, Any]) -> str:
        if not any('detections' in view for view in exam['views']):
            return 'Created by software, not reviewed by a reader.'
        return (
            'Created by software, not reviewed by a reader. Findings have a '
            f'certainty of at least {100 * self.score_thr:g}%.'
        )

    def _sources(self, exam: dict[str, Any]) -> dict[str, Any]:
        """Return the images of an exam by ``file``; list missing ones."""
        from .source import read_source

        found = {}
        for view in exam['views']:
            try:
                path = image_of(view, self.images)
                found[view['file']] = read_source(
                    path, view, exam['exam_id'], self.keep_identity
                )
            except ExportError as error:
                self.skipped.append((view['file'], str(error)))
            except MammogramError as error:
                self.skipped.append((view['file'], error.reason))
        return found

    def _regions(self, view: dict[str, Any]) -> list[tuple[dict[str, Any], np.ndarray]]:
        """Return findings and their closed outlines within the image.

        DICOM uses the same coordinates as predictions: the top left corner of the first
        pixel is 0, 0 (PS3.3, C.10.5.1.2 and C.18.6.1.1).
        """
        found = []
        size = np.array([view['width'], view['height']], float)
        findings = [
            *(d for d in view.get('detections', ()) if d['score'] >= self.score_thr),
            *view.get('masses', ()),
        ]
        for finding in findings:
            if 'outline' in finding:
                outline = np.array(finding['outline'], float)
            else:
                x1, y1, x2, y2 = finding['bbox']
                outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float)
            outline = np.clip(outline, 0, size)
            if 'outline' not in finding and (outline.min(0) >= outline.max(0)).any():
                self.skipped.append((view['file'], 'a box without an area'))
                continue
            found.append((finding, np.concatenate([outline, outline[:1]])))
        return found
