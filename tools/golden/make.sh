#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Rebuilds every golden file. PYTHON names an interpreter with the packages of requirements.txt.
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
if ! "$python" -c 'import torch, torchvision, safetensors, numpy, PIL, sklearn, torchmetrics, timm, pycocotools' 2>/dev/null; then
  echo "golden: $python lacks the reference packages; install them with" >&2
  echo "  $python -m pip install -r tools/golden/requirements.txt" >&2
  exit 1
fi
# draw first: the features are those of the drawn pictures.
for script in draw make_check make_sinkhorn make_larc make_regnet make_regnet_family make_trunks make_swav make_groups make_features make_probes make_masks make_coco make_detection make_boxes make_mask_head make_maskrcnn make_finetune make_linear; do
  "$python" "$script.py"
done
"$python" make_augment.py
"$python" make_bicubic.py
"$python" make_images.py
"$python" make_formats.py
# Values are the same each time; the bytes of state_legacy.pth and vissl_legacy.pth are not: PyTorch's old format names
# storages by their addresses in memory.
"$python" make_pickles.py ../../checkpoint/testdata
# make_keys.py is left out: it lists the parameter names of libraries that need an environment of their own.
