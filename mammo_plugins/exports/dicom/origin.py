"""Provenance and UIDs of DICOM objects."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from mammo_plugins.io.json_files import json_text
from mammo_plugins.version import __version__

from ..model_facts import model_facts

MANUFACTURER = 'mammo_plugins'
RESEARCH = 'Research use only, not for diagnosis'
_SERIES = {'SR': 9001, 'PR': 9002, 'SEG': 9003}


@dataclass(frozen=True)
class Origin:
    """Provenance of the objects of one exam.

    UIDs are hashes of the exam's entry, the run, the options and the version: the same
    results give objects with the same UIDs, different results different ones.

    Args:
        info (dict): ``info`` of the predictions.
        exam (dict): The exam's entry.
        options (str): Other settings that the objects depend on.
        made_at (datetime): Time of the predictions.
    """

    info: dict[str, Any]
    exam: dict[str, Any]
    options: str
    made_at: datetime

    def uid(self, *parts: str) -> str:
        """Return the UID of a part of the exam's results."""
        facts = json_text([self.info.get('run'), self.exam, self.options, __version__])
        digest = hashlib.sha256(facts.encode('utf-8', 'surrogatepass')).hexdigest()
        return generate_uid(entropy_srcs=[digest, *parts])

    @property
    def algorithm(self) -> tuple[str, str]:
        """tuple[str]: Name (config, checkpoint, '+N' further ones, flips), our version."""
        names = [
            str(self.info.get(key) or 'unknown') for key in ('config', 'checkpoint')
        ]
        others, tta = self.info.get('ensemble'), self.info.get('tta')
        more = (f' +{len(others)}' if others else '') + (f', {tta}' if tta else '')
        # 64 characters at most, and the ending must stay
        name = f'{names[0]}, {names[1]}'[: 64 - len(more)] + more
        return name, str(self.info.get('version'))[:64]

    @property
    def parameters(self) -> dict[str, str]:
        """dict[str, str]: The whole model: config, checkpoints, flips, precision."""
        return model_facts(self.info)

    def identification(self, with_models: bool = False) -> AlgorithmIdentification:
        """Return the algorithm identification for reports.

        Args:
            with_models (bool): Whether to list :attr:`parameters`, too. Defaults to
                False.
        """
        said = [f'{key}: {value}' for key, value in self.parameters.items()]
        return AlgorithmIdentification(*self.algorithm, said if with_models else None)

    def identification_sequence(self, family: Any) -> AlgorithmIdentificationSequence:
        """Return the algorithm identification for segmentations."""
        name, version = self.algorithm
        return AlgorithmIdentificationSequence(
            name, family, version, parameters=self.parameters
        )

    def of_object(self, kind: str, number: int, *parts: str) -> dict[str, Any]:
        """Return the arguments that highdicom's objects have in common.

        Args:
            kind (str): 'SR', 'PR' or 'SEG'.
            number (int): Number within the series.
            *parts (str): Identify the object within the exam.
        """
        return dict(
            series_instance_uid=self.uid(kind, 'series', *parts[:1]),
            series_number=_SERIES[kind],
            sop_instance_uid=self.uid(kind, *parts),
            instance_number=number,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER,
            software_versions=__version__,
            device_serial_number='none',
            series_description=f'Findings of software. {RESEARCH}',
            series_date=self.made_at.date(),
            series_time=self.made_at.time(),
        )

    def finish(self, made: Dataset, identity: Mapping[str, str]) -> None:
        """Make an object reproducible, and set its patient and study.

        Args:
            made (Dataset): The object, changed in place.
            identity (dict[str, str]): Identity in the image. It is not passed to
                highdicom, whose warnings and errors would quote it.
        """
        date, time = self.made_at.strftime('%Y%m%d %H%M%S').split()
        for keyword, value in (
            ('InstanceCreationDate', date),
            ('InstanceCreationTime', time),
            ('ContentDate', date),
            ('ContentTime', time),
            ('PresentationCreationDate', date),
            ('PresentationCreationTime', time),
        ):
            if keyword in made:
                setattr(made, keyword, value)
        for item in made.get('ContributingEquipmentSequence', ()):
            item.ContributionDateTime = date + time
        for name in ('DimensionOrganizationSequence', 'DimensionIndexSequence'):
            for item in made.get(name, ()):
                item.DimensionOrganizationUID = self.uid(
                    'dimensions', made.SOPInstanceUID
                )
        for keyword, value in identity.items():
            setattr(made, keyword, value)
