"""Grad-CAM of a trained breast classifier over a data set."""

from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import Dataset
from tqdm import trange

from mammo_plugins.io import file_sha256
from mammo_plugins.models.utils import grad_cam
from mammo_plugins.printable import number_of
from mammo_plugins.structures.saliency import SaliencyMaps, view_name

from .synthetic_exams import loaded_breasts
from .trained_model import TrainedModel

CLASSES = ('benign', 'malignant')  # in the order of labels


def breast_saliency(
    trained: TrainedModel, dataset: Dataset, class_index: int = 0
) -> SaliencyMaps:
    """Compute Grad-CAM for every view of benign breasts.

    Args:
        trained (TrainedModel): A :class:`DIVFNet`.
        dataset (ExamDataset): Breasts with ``labels``, packed for the model.
        class_index (int): The class c of Grad-CAM (eqs. 1 and 2 of DIVF-Net's paper).
            Defaults to 0, benign: the region with "the benign information" is replaced
            (section 3.2). 1 selects the region with most evidence of malignancy.
    """
    model, maps = trained.model, {}
    for i in trange(len(dataset), desc='Grad-CAM', unit='breast'):
        info = dataset.get_data_info(i)
        if info['gt_label'] != 0:
            continue
        with torch.no_grad():
            data = model.data_preprocessor(pseudo_collate([dataset[i]]))
            feats = model.extract_feat(**data)
        cams = grad_cam(feats.rows, model.logits, class_index).cpu().numpy()
        for (_, name), cam in zip(feats.mask.places, cams):
            maps[view_name(info['views'][name])] = cam.astype(np.float32)
    return SaliencyMaps(maps, file_sha256(trained.checkpoint))


def training_saliency(
    trained: TrainedModel, class_name: str, file: Path
) -> SaliencyMaps:
    """Write :func:`breast_saliency` for the training breasts of a model's config.

    Args:
        trained (TrainedModel): A :class:`DIVFNet`.
        class_name (str): One of ``CLASSES``.
        file (Path): The ``.npz`` file to write.

    Returns:
        SaliencyMaps: The maps written.

    Raises:
        ConfigError: As :func:`~mammo_plugins.apis.loaded_breasts`.
    """
    # as in tests: Grad-CAM sees no augmentation
    packed = loaded_breasts(
        trained.config, trained.config.test_dataloader.dataset.pipeline
    )
    saliency = breast_saliency(trained, packed, CLASSES.index(class_name))
    saliency.write(file)
    print(f'saliency of {number_of(len(saliency.maps), "view")}: {file}')
    return saliency
