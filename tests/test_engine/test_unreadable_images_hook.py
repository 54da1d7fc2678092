"""Training without images that cannot be read."""

import json
import shutil
from types import SimpleNamespace

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

from mammo_plugins.datasets import ExamDataset
from mammo_plugins.engine.hooks import UnreadableImagesHook
from mammo_plugins.io import MammogramError


class Numbers(BaseDataset):
    """The numbers below 20; some cannot be read."""

    def __init__(self, bad, test_mode=False):
        self.bad = bad
        super().__init__(
            ann_file='numbers.json', pipeline=[self.read], test_mode=test_mode
        )

    def load_data_list(self):
        return [dict(number=i) for i in range(20)]

    def read(self, results):
        if results['number'] in self.bad:
            raise MammogramError(f'{results["number"]}.dcm', 'truncated')
        return results['number']


def epoch(dataset, hook, num_workers=0):
    """Return the samples of an epoch and what is logged at its end."""
    said = []
    loader = DataLoader(
        dataset,
        batch_size=1,
        num_workers=num_workers,
        collate_fn=lambda batch: batch[0],
    )
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(dataloader=loader),
        logger=SimpleNamespace(log=lambda level, text: said.append(text)),
    )
    hook.before_train_epoch(runner)
    seen = list(loader)
    hook.after_train_epoch(runner)
    return seen, said


@pytest.mark.parametrize('num_workers', [0, 2])
@pytest.mark.parametrize(
    'wrap',
    [
        lambda d: d,
        lambda d: RepeatDataset(d, 2),
        lambda d: ConcatDataset([d, Numbers([])]),
    ],
)
def test_others_are_taken_and_the_samples_counted_once(num_workers, wrap):
    hook, dataset = UnreadableImagesHook(), wrap(Numbers([3, 17]))
    said = (
        '2 of 20 samples of numbers.json cannot be read and were left out of training'
    )
    for _ in range(2):  # the same in each epoch
        seen, lines = epoch(dataset, hook, num_workers)
        assert len(seen) == len(dataset)
        if not isinstance(dataset, ConcatDataset):
            assert not {3, 17} & set(seen) and set(range(20)) - {3, 17} <= set(seen)
        assert len(lines) == 1 and lines[0].startswith(said)


def test_each_is_named_once(monkeypatch):
    named = []
    monkeypatch.setattr(
        'mammo_plugins.engine.hooks.unreadable_images_hook.print_log',
        lambda text, **_: named.append(text),
    )
    hook, dataset = UnreadableImagesHook(), Numbers([3, 17])
    for _ in range(3):
        epoch(dataset, hook)
    assert [text.partition(':')[0] for text in named] == ['3.dcm', '17.dcm']


@pytest.mark.parametrize(
    'bad, share, stops',
    [
        (range(10), 0.5, False),
        (range(11), 0.5, True),
        (range(20), 0.5, True),
        (range(2), 0.05, True),
        (range(1), 0.05, False),
    ],
)
def test_a_data_set_of_which_much_is_unreadable(bad, share, stops):
    hook, dataset = UnreadableImagesHook(share), Numbers(bad)
    if not stops:
        assert len(epoch(dataset, hook)[0]) == 20
        return
    with pytest.raises(
        MammogramError,
        match=f'{int(share * 20) + 1} of 20 samples of '
        'numbers.json cannot be read, too many',
    ):
        epoch(dataset, hook)


def test_validation_and_test_stop():
    hook, dataset = UnreadableImagesHook(), Numbers([3], test_mode=True)
    with pytest.raises(MammogramError, match='3.dcm: truncated'):
        [dataset[i] for i in range(20)]
    assert hook is not None and 'prepare_data' not in vars(dataset)


def test_sound_data_are_as_without_it():
    assert epoch(Numbers([]), UnreadableImagesHook()) == (list(range(20)), [])


@pytest.mark.parametrize('share', [-0.1, 2, 50, 'x', None, float('nan')])
def test_a_share_that_is_none(share):
    with pytest.raises(ValueError, match='max_share is .*, expected 0 to 1'):
        UnreadableImagesHook(share)


@pytest.mark.parametrize(
    'breaks, said',
    [
        (lambda path: path.write_bytes(b'no image'), 'neither DICOM.* Of 8 images'),
        (
            lambda path: path.unlink(),
            'no such file.* Of 8 images of .*test.json, .*, 1 cann',
        ),
    ],
)
def test_what_a_validation_would_stop_at_is_told_before(
    phantom_root, tmp_path, breaks, said
):
    shutil.copytree(phantom_root, tmp_path / 'data')
    dataset = ExamDataset(
        data_root=str(tmp_path / 'data'),
        ann_file='annotations/test.json',
        target='exam',
        pipeline=[],
        test_mode=True,
    )
    UnreadableImagesHook._refuse_unreadable(dataset)
    data = json.loads((tmp_path / 'data/annotations/test.json').read_text())
    breaks(tmp_path / 'data' / data['images'][3]['file_name'])
    with pytest.raises(MammogramError, match=said):
        UnreadableImagesHook._refuse_unreadable(dataset)
