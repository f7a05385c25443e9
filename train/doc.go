// SPDX-License-Identifier: MIT

// Package train runs experiments: [Trainer] does one SwAV step, [Loop] repeats steps and calls hooks between them, and
// [Pretrain] assembles both from a configuration, a source of images and a run folder, from which it also resumes.
//
// A run that is killed at any instant and started again ends, on the CPU, with the same weights bit for bit as one that
// was left alone: everything a step depends on is either in the checkpoint or a pure function of the step number.
package train
