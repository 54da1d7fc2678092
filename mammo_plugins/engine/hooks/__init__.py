"""Hooks."""

from .acceleration_hook import AccelerationHook
from .checkpoint_check_hook import CheckpointCheckHook
from .data_summary_hook import DataSummaryHook
from .detection_file_hook import DetectionFileHook
from .evaluation_output_hook import EvaluationOutputHook
from .finite_hook import DivergenceError, FiniteHook
from .mammogram_visualization_hook import MammogramVisualizationHook
from .pixel_size_hook import PixelSizeHook
from .plain_keys_hook import PlainKeysHook
from .random_state_hook import RandomStateHook
from .rank_seed_hook import RankSeedHook
from .unreadable_images_hook import UnreadableImagesHook

__all__ = [
    'AccelerationHook',
    'CheckpointCheckHook',
    'DataSummaryHook',
    'DetectionFileHook',
    'DivergenceError',
    'EvaluationOutputHook',
    'FiniteHook',
    'MammogramVisualizationHook',
    'PixelSizeHook',
    'PlainKeysHook',
    'RandomStateHook',
    'RankSeedHook',
    'UnreadableImagesHook',
]
