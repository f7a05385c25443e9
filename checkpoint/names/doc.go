// SPDX-License-Identifier: MIT

// Package names translates the state-dict keys of RegNetX and RegNetY between the six
// libraries that its weights come from. torchvision's names are the common
// ones, which this project's models carry themselves.
//
//	torchvision     trunk_output.block1.block1-0.f.a.0.weight
//	timm            s1.b1.conv1.conv.weight
//	transformers    regnet.encoder.stages.0.layers.0.layer.0.convolution.weight
//	VISSL           _feature_blocks.res2.block1-0.f.a.0.weight
//	ClassyVision    trunk_output.block1.block1-0.f.a.0.weight, but proj.weight and f.c.weight
//	pycls           s1.b1.f.a.weight
//
// A key may be wrapped by the program that trained it, as in "module." of
// DistributedDataParallel or "classy_state_dict.base_model.model.trunk." of a
// VISSL checkpoint; [Common] removes such wrappers, and the extra segment
// "block1-part0" of VISSL's regnet_v2 and FSDP trunks. SwAV's head has the names
// projection_head.N and prototypesN wherever it comes from.
//
// [Detect] says in words which of these a list of keys is. It sees all keys at once,
// and so finds trunks behind prefixes that nobody has listed, numbered by
// nn.Sequential, and more than one: a teacher and a student, the two encoders of
// MoCo. [Detection.Trunks] has the preferred one first.
package names
