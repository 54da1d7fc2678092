"""The benchmark of data runs, and counts what it says."""
import re


def test_it_compares_three_ways(phantom_root, run_tool):
    done = run_tool(
        'tools/analysis_tools/benchmark_data.py',
        'configs/baselines/faster-rcnn_hrnetv2p-w8_phantom.py', '--samples', '3',
        '--repeats', '1', '--cfg-options',
        f'train_dataloader.dataset.data_root={phantom_root}/')
    assert done.returncode == 0, done.err
    assert '3 samples of 1 images' in done.out
    rates = [float(rate) for rate in re.findall(
        r'([\d.]+) samples/s', done.out)]
    ratios = [float(ratio) for ratio in re.findall(r'([\d.]+) x$', done.out,
                                                   re.MULTILINE)]
    assert len(rates) == 3 and min(rates) > 0
    for rate, ratio in zip(rates, ratios):
        # both are printed to two digits
        assert abs(rate / rates[0] - ratio) < 0.01 + 0.02 * ratio
