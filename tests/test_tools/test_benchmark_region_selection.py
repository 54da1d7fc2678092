"""The benchmark of region selection runs and its figures agree."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / 'tools/analysis_tools/benchmark_region_selection.py',
         *arguments], capture_output=True, text=True, cwd=ROOT)


def test_both_ways_agree_and_the_ratio_is_that_of_the_times():
    done = run('--size', '90', '70', '--region', '20', '30', '--repeats', '3')
    assert done.returncode == 0, done.stderr
    loop, table = (float(value) for value in re.findall(
        r'([\d.]+) s ', done.stdout))
    ratio = int(re.search(r'ratio (\d+)', done.stdout)[1])
    assert abs(ratio - loop / table) < 0.6 + 0.1 * ratio  # times have five decimals
    places = re.findall(r'\((\d+), (\d+), (\d+), (\d+)\)', done.stdout)
    assert len(places) == 2 and places[0] == places[1]
    x1, y1, x2, y2 = map(int, places[0])
    assert (x2 - x1, y2 - y1) == (30, 20) and x2 <= 70 and y2 <= 90
    assert 'the same region and the same sum' in done.stdout


def test_a_region_that_does_not_fit_is_one_clear_line():
    done = run('--size', '50', '70', '--region', '60', '30')
    assert done.returncode == 2
    assert '--region 60 30 does not fit in --size 50 70' in done.stderr
    assert 'Traceback' not in done.stderr
