// SPDX-License-Identifier: MIT

// Package arch describes residual networks without tensors: torchvision's ResNet and ResNeXt, and the wide ResNets with
// selective kernels of SimCLR v2 (arXiv 2006.10029).
package arch
