"""Find the steps of a pipeline that move pixels at random."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms import Compose as McvCompose
from mmengine.dataset import Compose

from mammo_plugins.anatomy import CanonicalFrame

# words in the class names of mmcv, mmdet, mmpretrain, torchvision and albumentations
_RANDOM = re.compile(
    'Random.*(Flip|Crop|Resiz|Rotat|Affine|Shift|(?<!Gray)Scal(e|ing)|'
    'Zoom|Perspective|Translat|Shear|Elastic|Warp|Transpose|Shuffle)'
)
_WITHOUT_THE_WORD = {
    # mmdet and mmpretrain, and the base of mmdet's Rotate, ShearX, TranslateX, ...
    'GeomTransform',
    'Rotate',
    'Shear',
    'ShearX',
    'ShearY',
    'Translate',
    'TranslateX',
    'TranslateY',
    'Expand',
    'Mosaic',
    'CachedMosaic',
    'MixUp',
    'CachedMixUp',
    # albumentations draw whether they run at all
    'Affine',
    'D4',
    'ElasticTransform',
    'Flip',
    'GridDistortion',
    'GridElasticDeform',
    'HorizontalFlip',
    'OpticalDistortion',
    'Perspective',
    'PiecewiseAffine',
    'SafeRotate',
    'ShiftScaleRotate',
    'ThinPlateSpline',
    'Transpose',
    'VerticalFlip',
}

_SEQUENCES = Compose, McvCompose


def _names(step: Any) -> list[str]:
    """Return the names of a step's class and its parents; for a config, one name."""
    kind = step['type'] if isinstance(step, dict) else type(step)
    if isinstance(kind, str):  # such as 'mmdet.RandomFlip'
        return [re.split(r'[./]', kind)[-1]]
    return [parent.__name__ for parent in kind.__mro__]


def _is_random_geometry(step: Any) -> bool:
    setting = step if isinstance(step, dict) else vars(step)
    if setting.get('prob') == 0:
        return False
    return any(
        name in _WITHOUT_THE_WORD or _RANDOM.search(name) for name in _names(step)
    )


def _parts(step: Any) -> Iterator[Any]:
    """Yield the steps that a step contains, whatever their attribute is called."""
    if isinstance(step, (list, tuple)):
        held: Sequence[Any] = step
    elif isinstance(step, dict):
        held = list(step.values())
    else:
        held = list(vars(step).values())
    for item in held:
        if isinstance(item, (BaseTransform, Compose)) or (
            isinstance(item, dict) and isinstance(item.get('type'), (str, type))
        ):
            yield item
        elif isinstance(item, (list, tuple)):
            yield from _parts(item)


def steps_of(step: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield a step and all steps that it contains, in the order in which they run.

    Args:
        step (BaseTransform | Compose | dict): The built step, or its config.
        above (tuple[str]): Names of the steps that contain it.

    Yields:
        tuple: Path, such as 'ForEachView > RandomApply > RandomFlip', and the step.
    """
    path = above if isinstance(step, _SEQUENCES) else (*above, _names(step)[0])
    if path is not above:
        yield ' > '.join(path), step
    for part in _parts(step):
        yield from steps_of(part, path)


def random_geometry(step: Any) -> str | None:
    """Return the path of the first step within a step that moves pixels at random.

    Such steps are recognized by the names of their classes and parent classes, so steps
    of an unknown kind are not found.

    Args:
        step (BaseTransform | Compose | dict): The built step, or its config.

    Returns:
        str or None: Path as in :func:`steps_of`; ``None`` if there is no such step.
    """
    return next(
        (where for where, part in steps_of(step) if _is_random_geometry(part)), None
    )


def was_moved(view: dict) -> str | None:
    """Return the evidence that a view's pixels were moved since it was loaded.

    Resizing does not count.

    Args:
        view (dict): With ``homography_matrix`` and ``canonical_frame`` as
            :class:`LoadMammogram` and mmdet's transforms leave them, and perhaps
            ``random_geometry`` from :class:`ForEachView`.

    Returns:
        str or None: Description of the evidence; ``None`` if there is none.
    """
    if 'random_geometry' in view:
        return f'{view["random_geometry"]} moves pixels randomly'
    if view.get('flip'):
        return 'the image was flipped'
    if 'canonical_frame' not in view or 'homography_matrix' not in view:
        return None
    loaded = CanonicalFrame.from_dict(view['canonical_frame']).matrix
    since = np.asarray(view['homography_matrix'], float) @ np.linalg.inv(loaded)
    scales = np.diag([since[0, 0], since[1, 1], 1.0])
    size = max(view['img'].shape[:2])
    # matrices are float32: tolerate a tenth of a pixel anywhere in the image
    off = np.abs((since - scales) @ [[0, size], [0, size], [1, 1]]).max()
    if off > 0.1 or min(np.diag(scales)) <= 0:
        return 'homography_matrix includes more than loading and resizing'
    return None


def check_registration(pipeline: Sequence[Any]) -> None:
    """Refuse a pipeline that registers breasts whose pixels were moved at random.

    Args:
        pipeline (Sequence): Steps, as in ``Compose.transforms``.

    Raises:
        ValueError: If a random geometric step comes before a registering step, or
            after one whose registration is only valid for the image at that point.
    """
    random: str | None = None
    registered: tuple[str, Any] | None = None
    for number, top in enumerate(pipeline):
        for where, step in steps_of(top):
            what = f'pipeline[{number}] ({where}) moves pixels randomly'
            if getattr(step, 'registers', False):
                if random is not None:
                    raise ValueError(refusal(where, step, random))
                registered = where, step
            elif _is_random_geometry(step):
                random = random or what
                if registered is not None and not registered[1].shared_after:
                    raise ValueError(refusal(*registered, what))


def refusal(where: str, step: Any, what: str) -> str:
    """Return the message that states why a step cannot register, with the cure.

    Args:
        where (str): The step's name.
        step (BaseTransform): The step.
        what (str): Evidence that pixels were moved.
    """
    cure = (
        'move the random step behind it, into ForEachView(share_random_params=True)'
        if step.shared_after
        else 'remove the random step'
    )
    return (
        f'{where}: {what}, and breasts are registered as they were loaded and '
        f'resized; {cure}'
    )
