// SPDX-License-Identifier: MIT

// Package resnet builds residual networks: torchvision's ResNet-50, 101 and 152 (He et al., arXiv 1512.03385, with the
// stride in the 3×3 convolution) and ResNeXt (arXiv 1611.05431) under torchvision's names and with its initialisation;
// and the wide ResNets with selective kernels of SimCLR v2 (arXiv 2006.10029). The latter have the structure and the
// names of Separius/SimCLRv2-Pytorch, whose files hold Google's weights below the key "resnet" and which VISSL uses too,
// and the initialisation of google-research/simclr. Port and original differ at the right and lower border: the port's
// averages of stride 1 count a padded zero there, and its max pool pads on all sides.
package resnet
