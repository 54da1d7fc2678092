# Breasts of EMBED with a pathology, benign against malignant. Most breasts have none and
# are left out.
#     python tools/dataset_converters/embed.py RAW_DIR --out data/embed
# The licence of the data set prohibits the release of models trained on it.
data_set = dict(
    type='EMBED',
    data_root='data/embed/',
    labels=dict(field='pathology', negative=('benign',), positive=('malignant',)),
)
