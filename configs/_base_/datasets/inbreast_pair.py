# DisAsymNet, section 3.1: INbreast, abnormal = BI-RADS not 1, 6:2:2 by patient;
# 87 + 342 images in the paper (the set has 410).
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --ratios 0.6 0.2 0.2
data_set = dict(
    type='INbreast',
    data_root='data/inbreast/',
    labels=dict(
        field='birads', negative=('1',), positive=('0', '2', '3', '4', '5', '6')
    ),
)
