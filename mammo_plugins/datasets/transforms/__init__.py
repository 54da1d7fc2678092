"""Registered transforms; thin wrappers over anatomy/ and io/."""

from .asymmetric_synthesis import InsertLesions, WithCleanImage
from .formatting import PackExamInputs
from .geometric import Resize, ResizeWithin
from .intensity import RandomIntensity
from .lesion_map import DrawLesionMap
from .loading import LoadMammogram, segmentation_to_canonical
from .nipple import NippleInstances, PackNippleInputs
from .paste_lesion import CropToLesion, PackBlendingInputs, PasteLesion
from .patches import CropPatch, RandomCropPatch, warp_patch
from .phantom import LoadPhantomNormal
from .registration import LocateNipple, RegisterContralateral, RegisterSides
from .synthesis import SynthesizeMalignancy, grown_box, whole_box
from .views import ForEachView, SelectView

__all__ = [
    'CropPatch',
    'DrawLesionMap',
    'ForEachView',
    'InsertLesions',
    'LoadMammogram',
    'LoadPhantomNormal',
    'LocateNipple',
    'NippleInstances',
    'PackBlendingInputs',
    'PackExamInputs',
    'PackNippleInputs',
    'PasteLesion',
    'RandomCropPatch',
    'RandomIntensity',
    'RegisterContralateral',
    'RegisterSides',
    'Resize',
    'ResizeWithin',
    'SelectView',
    'SynthesizeMalignancy',
    'WithCleanImage',
    'grown_box',
    'segmentation_to_canonical',
    'warp_patch',
    'whole_box',
]
