"""Out-of-fold branches of MommiNet, for maps of patients not trained on."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.utils import ConfigType
from mmengine.runner import CheckpointLoader

from mammo_plugins.io import read_json
from mammo_plugins.registry import MODELS
from mammo_plugins.structures import PARTNERS


class Branches(NamedTuple):
    """Both branches of a MommiNet system.

    Attributes:
        ipsilateral (IpsiDualNet): The ipsilateral branch.
        bilateral (BiDualNet): The bilateral branch.
    """

    ipsilateral: BaseDetector
    bilateral: BaseDetector


class HeldOutBranches:
    """Branches trained on folds, looked up by held-out patient.

    They are not submodules of the model that uses them, so they are neither trained nor
    saved.

    Args:
        folds (Sequence[dict]): For each fold ``checkpoint``, a system with branches
            trained without the patients of ``ann_file``, a COCO-exam file.
        configs (Sequence[dict]): Configs of the ipsilateral and the bilateral branch.

    Raises:
        ValueError: If two folds hold out the same patient, or a checkpoint lacks the
            weights of these branches.
    """

    def __init__(self, folds: Sequence[dict], configs: Sequence[ConfigType]) -> None:
        self._fold_of: dict[str, int] = {}
        self._branches: list[Branches] = []
        for number, fold in enumerate(folds):
            patients = {
                image['patient_id'] for image in read_json(fold['ann_file'])['images']
            }
            twice = sorted(patients & set(self._fold_of))
            if twice:
                raise ValueError(
                    f'{fold["ann_file"]}: {len(twice)} of its patients are held out by '
                    'another fold, too; expected each in one fold'
                )
            self._fold_of.update(dict.fromkeys(patients, number))
            self._branches.append(
                Branches(
                    *(
                        _trained(config, fold['checkpoint'], part)
                        for config, part in zip(configs, PARTNERS)
                    )
                )
            )

    def of(self, patient: str, device: torch.device) -> Branches:
        """Return the branches that were not trained on a patient.

        Args:
            patient (str): ``patient_id`` of a training sample.
            device (torch.device): Device to move the branches to.

        Raises:
            ValueError: If no fold holds the patient out.
        """
        if patient not in self._fold_of:
            raise ValueError(
                'out_of_fold: a patient of the training part is in no ann_file; '
                'expected each in one fold'
            )
        return Branches(
            *(branch.to(device) for branch in self._branches[self._fold_of[patient]])
        )


def _trained(config: ConfigType, checkpoint: str, part: str) -> BaseDetector:
    """Return a branch with the weights of a file, which must contain all of them."""
    branch = MODELS.build(dict(copy.deepcopy(config), init_cfg=None))
    loaded = CheckpointLoader.load_checkpoint(checkpoint, 'cpu')
    start = f'{part}.'
    state = {
        key[len(start) :]: value
        for key, value in loaded.get('state_dict', loaded).items()
        if key.startswith(start)
    }
    own = branch.state_dict()
    differ = sorted(own.keys() ^ state.keys()) + [
        key for key in own.keys() & state.keys() if own[key].shape != state[key].shape
    ]
    if differ:
        raise ValueError(
            f'out_of_fold: {checkpoint}: {len(differ)} weights of the {part} branch are '
            f'missing, unknown or of another shape, such as {differ[0]}; train the fold '
            'with the configs of this system'
        )
    branch.load_state_dict(state)
    return branch.requires_grad_(False).eval()
