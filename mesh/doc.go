// SPDX-License-Identifier: MIT

// Package mesh is the processes of a run: who is which, how they meet, how they stop together, and who has failed.
//
// A launcher starts the same command many times and tells each process its [Place] in the environment: torchrun, SLURM,
// Kubernetes' PyTorchJob, or seer launch. [Join] brings them together. A nil *Mesh is a run of one process, which needs no
// launcher and no messages; all methods work on it.
//
// Rank 0 leads: it speaks, keeps the run folder and makes the choices that all must share ([Mesh.Lead]). Between two steps
// all agree to go on ([Mesh.Agree]), so that a signal or an error that one of them sees ends all of them at the same step,
// with everything whole. A process that fails in the midst of a step tells the others why before it goes, and they name it
// ([Mesh.Failed]).
package mesh
