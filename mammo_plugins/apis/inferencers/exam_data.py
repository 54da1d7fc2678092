"""The data set that creates the samples of one exam."""

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
    """Return the data set of a config's test, with an exam instead of its images.

    Args:
        exam (LoadedExam): The exam.
        dataset_cfg (ConfigDict): ``test_dataloader.dataset``; not changed.
        classes (Sequence[str]): Classes of the data set.
        scope (str): Default scope of the config.
    """
    cfg = copy.deepcopy(dataset_cfg)
    # file names are those of the files found, in any folder
    cfg.update(
        ann_file=f'exam {exam.key}',
        data_root='',
        extra_roots=[os.sep],
        annotations=exam.annotations(classes),
        test_mode=True,
    )
    # useful only with workers, and it collects garbage each time
    cfg.serialize_data = False
    # classes are to be predicted, and views may be missing
    for key in ('labels', 'complete', 'data_prefix'):
        cfg.pop(key, None)
    # a phantom without its lesions is only for evaluation
    cfg.pipeline = in_fold(
        without_step(cfg.pipeline, 'LoadPhantomNormal'), cfg.pop('fold', None)
    )
    for step in loading_steps(cfg.pipeline):
        step['cache_dir'] = str(exam.loader.cache.folder)
    with DATASETS.switch_scope_and_registry(scope):
        return DATASETS.build(cfg)
