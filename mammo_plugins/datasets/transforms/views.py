"""Transforms for samples of several views."""

from contextlib import nullcontext

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_random_params

from mammo_plugins.registry import TRANSFORMS

from ..pipeline import Pipeline, compose
from .random_geometry import random_geometry


@TRANSFORMS.register_module()
class SelectView(BaseTransform):
    """Convert a sample of several views to an ordinary mmdet sample of one view.

    Required Keys:

    - views (dict[str, dict])

    Args:
        view (str): Name of the view to keep. Defaults to 'main'.
    """

    def __init__(self, view: str = 'main') -> None:
        self.view = view

    def transform(self, results: dict) -> dict:
        """Return the view's dict with the sample's index."""
        if self.view not in results['views']:
            raise KeyError(
                f'SelectView: the sample has no view {self.view!r}, only '
                f'{sorted(results["views"])}; choose one of these'
            )
        selected = dict(results['views'][self.view])
        if 'sample_idx' in results:
            selected['sample_idx'] = results['sample_idx']
        return selected

    def __repr__(self) -> str:
        return f'{type(self).__name__}(view={self.view!r})'


@TRANSFORMS.register_module()
class ForEachView(BaseTransform):
    """Run ordinary mmcv/mmdet transforms on each view of a sample.

    Like :class:`mmcv.transforms.TransformBroadcaster`, over views by name.

    Required Keys:

    - views (dict[str, dict])

    Added Keys, of each view:

    - random_geometry (str): the first of the transforms that moves pixels at random, if
      there is one

    Args:
        transforms (list | dict): A pipeline for one view. Its steps may have names, see
            :func:`~mammo_plugins.datasets.pipeline.named_steps`.
        share_random_params (bool): Whether all views get the same random draws,
            so that geometry stays in step. Defaults to False.
        views (list[str], optional): Names of the views to transform. Defaults to
            ``None``, all available views.
    """

    def __init__(
        self,
        transforms: Pipeline,
        share_random_params: bool = False,
        views: list[str] | None = None,
    ) -> None:
        self.transforms = compose(transforms)
        self._random_geometry = random_geometry(self.transforms)
        self.share_random_params = share_random_params
        self.views = views

    def transform(self, results: dict) -> dict | None:
        """Transform the views; return ``None`` if a transform discards one."""
        shared = (
            cache_random_params(self.transforms)
            if self.share_random_params
            else nullcontext()
        )
        views = dict(results['views'])
        with shared:
            for name in views:
                if self.views is None or name in self.views:
                    views[name] = self.transforms(views[name])
                    if views[name] is None:
                        return None
                    if self._random_geometry is not None:
                        views[name]['random_geometry'] = (
                            f'ForEachView > {self._random_geometry}'
                        )
        results['views'] = views
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(transforms={self.transforms}, '
            f'share_random_params={self.share_random_params}, '
            f'views={self.views})'
        )
