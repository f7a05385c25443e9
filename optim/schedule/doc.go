// SPDX-License-Identifier: MIT

// Package schedule gives the learning rate of every step.
//
// A Schedule is a pure function of the step: resuming needs no state, and a run's
// whole curve can be printed before it starts. The one exception, Plateau, depends
// on the loss and says so: its state is a plain struct that goes into the checkpoint.
//
// With T total steps, W warm-up steps, a peak p, a warm-up start s and an end e,
// at step t:
//
//	warm-up   t < W               s + (p-s)·t/W
//	constant                      p
//	step                          p·γ^(number of milestones ≤ t)
//	cosine, phase "global"        e + (p-e)·(1 + cos(π·t/T))/2
//	cosine, phase "restart"       e + (p-e)·(1 + cos(π·(t-W)/(T-W)))/2
//
// "global" is what VISSL does and SEER was trained with: the cosine is that of the
// whole run and the warm-up only covers its beginning, so that the rate steps down
// a little where they meet (to 0.989 of the peak after a warm-up of 6.55 %).
// "restart" is SwAV's own code: the cosine begins at the peak when the warm-up ends.
// Neither reaches e exactly; it would at step T, which is not run.
package schedule
