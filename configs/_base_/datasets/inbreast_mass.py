# Blending adversarial networks, section 3: masses of INbreast with their outlines,
# 5-fold by patient; first fold.
#     python tools/dataset_converters/inbreast.py RAW_DIR --out data/inbreast \
#         --split kfold --folds 5
data_set = dict(type='INbreast', data_root='data/inbreast/', fold=1)
