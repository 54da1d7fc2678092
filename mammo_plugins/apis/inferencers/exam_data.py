"""The data set that makes samples of one exam."""

import copy
import os
from collections.abc import Sequence

from mmengine.config import ConfigDict
from torch.utils.data import Dataset

from mammo_plugins.registry import DATASETS
from mammo_plugins.structures import in_fold

from ..trained_model import loading_steps, without_step
from .loaded_exam import LoadedExam


def exam_dataset(
    exam: LoadedExam, dataset_cfg: ConfigDict, classes: Sequence[str], scope: str
) -> Dataset:
    """Return the data set of a config's test, with an exam in place of its images.

    Args:
        exam (LoadedExam): The exam.
        dataset_cfg (ConfigDict): Of ``test_dataloader.dataset``; it is not changed.
        classes (Sequence[str]): Of the data set.
        scope (str): Of the config.
    """
    cfg = copy.deepcopy(dataset_cfg)
    # names are those of the files found, wherever they lie
    cfg.update(
        ann_file=f'exam {exam.key}',
        data_root='',
        extra_roots=[os.sep],
        annotations=exam.annotations(classes),
        test_mode=True,
    )
    # for workers, of which there are none; it collects garbage each time
    cfg.serialize_data = False
    # classes are what is required, and views may be missing
    for key in ('labels', 'complete', 'data_prefix'):
        cfg.pop(key, None)
    # what a phantom is without its lesions is for evaluation alone
    cfg.pipeline = in_fold(
        without_step(cfg.pipeline, 'LoadPhantomNormal'), cfg.pop('fold', None)
    )
    for step in loading_steps(cfg.pipeline):
        step['cache_dir'] = str(exam.loader.cache.folder)
    with DATASETS.switch_scope_and_registry(scope):
        return DATASETS.build(cfg)
