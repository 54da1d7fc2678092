import json
import os
import shutil
from multiprocessing import get_context

import numpy as np
import pytest

from mammo_plugins.datasets import PixelCache

PIXELS = np.random.default_rng(0).integers(0, 65536, (300, 200), np.uint16)
FACTS = dict(crop=[1, 2, 3, 4])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'a.dcm'
    path.write_bytes(b'original')
    return path


def forbidden():
    raise AssertionError('the cache should have answered')


def make():
    return PIXELS, dict(FACTS)


def assert_cached(cache, source, key=''):
    pixels, facts = cache.get(source, forbidden, key)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert pixels.dtype == np.uint16
    assert facts == FACTS


def test_second_read_comes_from_the_cache(tmp_path, source):
    cache = PixelCache(tmp_path / 'cache')
    pixels, facts = cache.get(source, make)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert facts == FACTS
    assert_cached(cache, source)


def test_keys_do_not_mix(tmp_path, source):
    cache = PixelCache(tmp_path / 'cache')
    cache.get(source, make, key='margin=8')
    with pytest.raises(AssertionError, match='should have answered'):
        cache.get(source, forbidden, key='margin=9')


@pytest.mark.parametrize(
    'change',
    [
        lambda path: path.write_bytes(b'another size'),
        lambda path: os.utime(path, ns=(1, 1)),
    ],
    ids=['size', 'time'],
)
def test_a_changed_source_is_read_again(tmp_path, source, change):
    cache = PixelCache(tmp_path / 'cache')
    cache.get(source, make)
    change(source)
    pixels, _ = cache.get(source, lambda: (PIXELS + 1, {}))
    np.testing.assert_array_equal(pixels, PIXELS + 1)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    'damage',
    [
        truncate,
        flip_a_byte,
        lambda path: path.write_bytes(b''),
        lambda path: path.write_bytes(b'no archive at all'),
    ],
    ids=['truncated', 'flipped', 'empty', 'foreign'],
)
def test_damaged_entries_are_rebuilt(tmp_path, source, damage):
    cache = PixelCache(tmp_path / 'cache')
    cache.get(source, make)
    damage(cache.entry_path(source))
    pixels, facts = cache.get(source, make)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert facts == FACTS
    assert_cached(cache, source)


def rewritten(path, pixels=None, **changes):
    """Write an entry anew, well-formed, with other pixels or another head."""
    head, _, old = path.read_bytes().partition(b'\n')
    head = json.dumps({**json.loads(head), **changes}).encode()
    path.write_bytes(head + b'\n' + (old if pixels is None else pixels.tobytes()))


def another_image(path):
    other = path.parents[2] / 'b.dcm'
    other.write_bytes(b'original')
    stat = os.stat(path.parents[2] / 'a.dcm')
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a burst of copies
    cache = PixelCache(path.parents[1])
    cache.get(other, lambda: (PIXELS[::-1], dict(FACTS)))
    shutil.copy(cache.entry_path(other), path)


def other_facts(path):
    facts = json.loads(json.loads(path.read_bytes().partition(b'\n')[0])['facts'])
    rewritten(path, facts=json.dumps(dict(facts, crop='none')))


@pytest.mark.parametrize(
    'change',
    [
        another_image,
        other_facts,
        lambda path: rewritten(path, pixels=PIXELS ^ (np.arange(200) == 77)),
        lambda path: rewritten(path, pixels=PIXELS.astype(np.float64)),
        lambda path: rewritten(path, pixels=PIXELS[:-1]),
        lambda path: rewritten(path, shape=[200, 300]),
        lambda path: rewritten(path, shape=[2**40, 2**40]),
        lambda path: rewritten(path, facts='[]'),
        lambda path: rewritten(path, checksum='x'),
    ],
    ids=[
        'of another image',
        'facts',
        'one column',
        'dtype',
        'rows',
        'shape',
        'huge',
        'list',
        'no number',
    ],
)
def test_wrong_entries_that_are_well_formed_are_rebuilt(tmp_path, source, change):
    cache = PixelCache(tmp_path / 'cache')
    cache.get(source, make)
    change(cache.entry_path(source))
    pixels, facts = cache.get(source, make)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert facts == FACTS and cache.damaged == 1
    assert_cached(cache, source)


def test_a_source_whose_name_is_no_utf_8(tmp_path):
    source = tmp_path / os.fsdecode(b'm\xe4dchen.dcm')
    source.write_bytes(b'original')
    cache = PixelCache(tmp_path / 'cache')
    cache.get(source, make)
    assert_cached(cache, source)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, source):
    (tmp_path / 'cache').write_text('a file where the folder should be')
    cache = PixelCache(tmp_path / 'cache')
    for _ in range(2):
        pixels, _ = cache.get(source, make)
        np.testing.assert_array_equal(pixels, PIXELS)


def test_nothing_half_written_stays(tmp_path, source):
    cache = PixelCache(tmp_path / 'cache')

    class Unserialisable:
        pass

    with pytest.raises(TypeError):
        cache.get(source, lambda: (PIXELS, dict(a=Unserialisable())))
    assert not [p for p in (tmp_path / 'cache').rglob('*') if p.is_file()]
    cache.get(source, make)
    assert_cached(cache, source)


def fill(folder, source, seed, barrier):
    """Read one source many times, forgetting the entry now and then."""
    cache = PixelCache(folder)
    rng = np.random.default_rng(seed)
    barrier.wait()
    for _ in range(60):
        pixels, facts = cache.get(source, make)
        assert (pixels == PIXELS).all() and facts == FACTS
        if rng.random() < 0.3:
            cache.entry_path(source).unlink(missing_ok=True)


def test_two_processes_fill_it_at_once(tmp_path, source):
    context = get_context('fork')
    barrier = context.Barrier(2)
    processes = [
        context.Process(target=fill, args=(tmp_path / 'cache', source, seed, barrier))
        for seed in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert not list((tmp_path / 'cache').rglob('*.tmp'))


class TestRecall:
    """What is found in images is kept beside their pixels."""

    FOUND = dict(x=1 / 3, name='nipple', line=[[0.1, 2.5], None])

    @pytest.fixture
    def sources(self, tmp_path, source):
        other = tmp_path / 'b.dcm'
        other.write_bytes(b'another')
        return [source, other]

    def recall(self, tmp_path, sources, key='a', make=forbidden):
        return PixelCache(tmp_path / 'cache').recall(sources, key, make)

    def test_it_is_found_once(self, tmp_path, sources):
        first = self.recall(tmp_path, sources, make=lambda: self.FOUND)
        assert first == self.recall(tmp_path, sources) == self.FOUND

    def test_nothing_found_is_kept_too(self, tmp_path, sources):
        self.recall(tmp_path, sources, make=lambda: None)
        assert self.recall(tmp_path, sources) is None

    @pytest.mark.parametrize('number', [0, 1])
    def test_a_changed_source_is_looked_at_again(self, tmp_path, sources, number):
        self.recall(tmp_path, sources, make=lambda: self.FOUND)
        os.utime(sources[number], ns=(1, 1))
        assert self.recall(tmp_path, sources, make=lambda: 5) == 5

    def test_keys_and_orders_do_not_mix(self, tmp_path, sources):
        self.recall(tmp_path, sources, make=lambda: self.FOUND)
        assert self.recall(tmp_path, sources, 'b', lambda: 1) == 1
        assert self.recall(tmp_path, sources[::-1], make=lambda: 2) == 2
        assert self.recall(tmp_path, sources[:1], make=lambda: 3) == 3

    @pytest.mark.parametrize(
        'damage',
        [
            truncate,
            lambda path: path.write_bytes(b''),
            lambda path: path.write_bytes(b'[]'),
            lambda path: path.write_text(path.read_text().replace('0.1', '0.2')),
        ],
        ids=['truncated', 'empty', 'list', 'a digit'],
    )
    def test_damaged_entries_are_rebuilt(self, tmp_path, sources, damage):
        self.recall(tmp_path, sources, make=lambda: self.FOUND)
        (path,) = (tmp_path / 'cache').rglob('*.json')
        damage(path)
        cache = PixelCache(tmp_path / 'cache')
        assert cache.recall(sources, 'a', lambda: self.FOUND) == self.FOUND
        assert cache.damaged == 1
        assert self.recall(tmp_path, sources) == self.FOUND

    def test_a_folder_that_cannot_be_written_is_no_obstacle(self, tmp_path, sources):
        (tmp_path / 'cache').write_text('a file where the folder should be')
        for found in (1, 2):
            assert self.recall(tmp_path, sources, make=lambda: found) == found
