"""Counts of samples and classes in a data set."""

from collections import Counter

from mammo_plugins.datasets import ExamDataset


def count(dataset: ExamDataset) -> dict[str, int]:
    """Return the counts of a built data set, by name.

    Args:
        dataset (ExamDataset): With or without ``labels``.

    Returns:
        dict[str, int]: ``samples``, ``patients``, ``images``; ``negative`` and
        ``positive`` if there are labels; a count for each class of lesions.
    """
    samples = [dataset.get_data_info(i) for i in range(len(dataset))]
    views = {
        view['img_id']: view
        for sample in samples
        for view in sample.get('views', dict(main=sample)).values()
    }
    numbers = dict(
        samples=len(samples),
        patients=len({sample['patient_id'] for sample in samples}),
        images=len(views),
    )
    if any('gt_label' in sample for sample in samples):
        labels = Counter(sample.get('gt_label') for sample in samples)
        numbers.update(negative=labels[0], positive=labels[1])
    lesions = Counter(
        instance['bbox_label']
        for view in views.values()
        for instance in view.get('instances', ())
    )
    for label, name in enumerate(dataset.metainfo['classes']):
        if lesions[label]:
            numbers[name] = lesions[label]
    return numbers
